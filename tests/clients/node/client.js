// Asks a server by grpc-js, with messages loaded from our proto at run time:
// `node client.js localhost:8001 ../../../proto/open_inference.proto` prints one JSON object.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [target, proto] = process.argv.slice(2);
const options = { keepCase: true, longs: String, enums: String, defaults: true };
const { inference } = grpc.loadPackageDefinition(loader.loadSync(proto, options));
const client = new inference.GRPCInferenceService(target, grpc.credentials.createInsecure());

const call = (method, request) =>
  new Promise((resolve, reject) => {
    const deadline = Date.now() + 30_000;
    client[method](request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });

// text travels as bytes, whole numbers beyond 2^53 as text
const request = {
  model_name: "tiny",
  id: "7",
  inputs: [
    { name: "age", datatype: "FP64", shape: [2], contents: { fp64_contents: [31.5, 80.25] } },
    {
      name: "city",
      datatype: "BYTES",
      shape: [2],
      contents: { bytes_contents: [Buffer.from("Oslo"), Buffer.from("Zürich\0x")] },
    },
    {
      name: "visits",
      datatype: "INT64",
      shape: [2],
      contents: { int64_contents: ["4611686018427387905", "-3"] },
    },
    { name: "is_member", datatype: "BOOL", shape: [2], contents: { bool_contents: [true, false] } },
    { name: "debt", datatype: "FP64", shape: [2], contents: { fp64_contents: [0.5, 7] } },
  ],
};
const typed = { ...request, parameters: { binary_data_output: { bool_param: false } } };

const stream = () =>
  new Promise((resolve, reject) => {
    const found = [];
    const open = client.ModelStreamInfer({ deadline: Date.now() + 30_000 });
    open.on("data", (answer) => {
      found.push(answer.error_message || answer.infer_response.id);
      if (found.length === 3) open.end();
    });
    open.on("error", reject);
    open.on("end", () => resolve(found));
    open.write(request);
    open.write({ ...request, model_name: "tinny" });
    open.write({ ...request, id: "8" });
  });

const raw = await call("ModelInfer", request);
const answer = await call("ModelInfer", typed);
const column = (name) => answer.outputs.find((output) => output.name === name).contents;
const probabilities = raw.outputs.findIndex((output) => output.name === "probabilities");
const bytes = raw.raw_output_contents[probabilities];
const refusal = await call("ModelInfer", { ...request, model_name: "tinny" }).catch((error) => ({
  code: error.code,
  text: error.details,
}));

console.log(
  JSON.stringify({
    live: (await call("ServerLive", {})).live,
    ready: (await call("ServerReady", {})).ready,
    inputs: (await call("ModelMetadata", { name: "tiny" })).inputs.map((input) => input.name),
    index: (await call("RepositoryIndex", {})).models.map(({ name, state }) => [name, state]),
    id: raw.id,
    raw: Array.from({ length: bytes.length / 8 }, (_, at) => bytes.readDoubleLE(at * 8)),
    typed: column("probabilities").fp64_contents,
    label: column("label").bytes_contents.map((text) => text.toString()),
    prediction: column("prediction").int64_contents,
    refusal,
    stream: await stream(),
  }),
);
client.close();
