/** Reads the sample data of the specification, and compares them with the values to expect. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import FileSystemStore from "@zarrita/storage/fs";
import * as zarr from "zarrita";
import { AnscombeV1, PhotonPredictV1, register } from "./anscombe-transform.js";

register(zarr.registry);

const SPECIFICATION = fileURLToPath(new URL("../docs/spec", import.meta.url));
const EXPECTED = ".expected.zarr";

async function read(folder) {
  return zarr.get(await zarr.open(new FileSystemStore(folder), { kind: "array" }));
}

for (const codec of ["anscombe-v1", "photon-predict-v1"]) {
  const folder = `${SPECIFICATION}/${codec}/sample_data`;
  const names = readdirSync(folder).filter((name) => name.endsWith(EXPECTED));
  test(`there are samples of ${codec}`, () => assert.ok(names.length > 10));
  for (const name of names.map((name) => name.slice(0, -EXPECTED.length))) {
    const skip = name.endsWith("float16") && !globalThis.Float16Array && "this Node.js has no Float16Array";
    test(`${codec}, ${name}`, { skip }, async () => {
      const [sample, expected] = [await read(`${folder}/${name}.zarr`), await read(`${folder}/${name}${EXPECTED}`)];
      assert.deepEqual(sample.shape, expected.shape);
      assert.equal(sample.data.constructor, expected.data.constructor);
      assert.deepEqual(Array.from(sample.data), Array.from(expected.data)); // NaN of any bits are equal
    });
  }
}

test("a chunk of another memory layout is decoded as well", () => {
  const weights = { weights: [1, 2, 3, 4, 9999, 6, 7, 8, 9], first_weights: [1, 2, 3, 4, 5, 6, 7, 8] };
  const codec = new PhotonPredictV1({ ...weights, bias: 1, first_bias: 2, shift: 3 }, "uint8");
  const [shape, stride, turned] = [
    [3, 4, 5],
    [20, 5, 1],
    [1, 3, 12],
  ];
  const inOrder = Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256);
  const place = (i) => Math.floor(i / 20) * turned[0] + (Math.floor(i / 5) % 4) * turned[1] + (i % 5) * turned[2];
  const outOfOrder = new Uint8Array(60);
  for (const [i, residual] of inOrder.entries()) outOfOrder[place(i)] = residual;
  const expected = codec.decode({ data: inOrder, shape, stride }).data;
  const decoded = codec.decode({ data: outOfOrder, shape, stride: turned }).data;
  assert.deepEqual(
    Array.from(inOrder, (_, i) => decoded[place(i)]),
    Array.from(expected),
  );
});

test("fields that are not known and big-endian arrays of format 2 are refused", () => {
  const configuration = { zero_level: 100, conversion_gain: 2.5 };
  assert.throws(() => new AnscombeV1({ ...configuration, gamma: 1 }, "int16"), /not known here: gamma/);
  assert.throws(() => new AnscombeV1({ ...configuration, decoded_dtype: ">i2" }, "int16"), /big-endian/);
  assert.throws(() => new AnscombeV1({ ...configuration, conversion_gain: 0 }, "int16"), /wrong parameter/);
  assert.throws(() => new PhotonPredictV1({ gamma: 1 }, "uint8"), /not known here: gamma/);
  assert.throws(() => new PhotonPredictV1({ weights: [1], first_weights: [] }, "uint8"), /wrong parameter/);
});
