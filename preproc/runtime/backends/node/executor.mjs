// Runs one ONNX graph by onnxruntime-web, WebAssembly alone, for the process that started it.
//
// A message, either way, is two little-endian uint32 (bytes of the head, bytes of the body), a head
// in JSON, and a body: the numbers of all tensors one after another; texts stand in the head. The
// first message holds the model, each later one the inputs of a call. Arguments: the folder that
// holds node_modules.

import { readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const KINDS = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array,
  int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array,
  uint32: Uint32Array, uint64: BigUint64Array, bool: Uint8Array,
};

const modules = createRequire(join(process.argv[2], 'package.json'));
const ort = await import(pathToFileURL(modules.resolve('onnxruntime-web')));
ort.env.wasm.numThreads = 1; // with more, sums are split and their last bits change

function read(bytes) {
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes;) {
    const got = readSync(0, buffer, done, bytes - done, null);
    if (got === 0) process.exit(0); // whoever asked is gone
    done += got;
  }
  return buffer;
}

function receive() {
  const sizes = read(8);
  const head = JSON.parse(read(sizes.readUInt32LE(0)).toString('utf8'));
  return [head, read(sizes.readUInt32LE(4))];
}

function write(buffer) {
  for (let done = 0; done < buffer.length;) done += writeSync(1, buffer, done);
}

function send(head, parts = []) {
  const text = Buffer.from(JSON.stringify(head), 'utf8');
  const body = Buffer.concat(parts);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(text.length, 0);
  sizes.writeUInt32LE(body.length, 4);
  write(Buffer.concat([sizes, text, body]));
}

function tensor(told, body) {
  if (told.texts) return new ort.Tensor('string', told.texts, told.shape);
  const bytes = body.subarray(told.start, told.start + told.bytes);
  const aligned = new Uint8Array(bytes).buffer;
  return new ort.Tensor(told.dtype, new KINDS[told.dtype](aligned), told.shape);
}

function answer(outputs) {
  const parts = [];
  const head = {};
  for (const [name, value] of Object.entries(outputs)) {
    head[name] = { dtype: value.type, shape: value.dims };
    if (value.type === 'string') {
      head[name].texts = value.data;
    } else {
      const { buffer, byteOffset, byteLength } = value.data;
      parts.push(Buffer.from(buffer, byteOffset, byteLength));
      head[name].bytes = byteLength;
    }
  }
  send({ outputs: head }, parts);
}

async function guarded(act) {
  try {
    await act();
  } catch (error) {
    send({ error: String(error?.message ?? error) });
  }
}

let session;
await guarded(async () => {
  const [, model] = receive();
  session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ['wasm'] });
  const { web, common } = ort.env.versions;
  send({ node: process.version, 'onnxruntime-web': web, 'onnxruntime-common': common });
});
for (;;) {
  const [head, body] = receive();
  await guarded(async () => {
    const feeds = Object.entries(head.inputs).map(([name, told]) => [name, tensor(told, body)]);
    answer(await session.run(Object.fromEntries(feeds)));
  });
}
