/**
 * The codecs `anscombe-v1` and `photon-predict-v1` for zarrita.js, to read arrays; they do not write.
 *
 *   import * as zarr from "zarrita";
 *   import { register } from "./anscombe-transform.js";
 *   register(zarr.registry);
 *
 * Arrays of Zarr format 3 and, if they are little-endian, of format 2 then open as any others. The values are those of
 * the Python package, bit for bit. The rules: https://github.com/datajoint/anscombe-transform/tree/main/docs/spec
 */

const CODES = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};
const VALUES = {
  ...CODES,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: globalThis.Float16Array, // from Node.js 24, Chrome 135, Firefox 129 and Safari 18.2 on
};
const LARGEST = { float16: 65504, float32: 2 ** 128 - 2 ** 104, float64: Number.MAX_VALUE };
const ROOT = Math.sqrt(0.375);

/** Add both codecs to the registry of zarrita. */
export function register(registry) {
  // zarrita gives the names of filters of Zarr format 2 the prefix.
  for (const prefix of ["", "numcodecs."]) {
    registry.set(`${prefix}anscombe-v1`, () => AnscombeV1);
    registry.set(`${prefix}photon-predict-v1`, () => PhotonPredictV1);
  }
  registry.set("anscombe-transform", () => AnscombeV1); // an older name
}

export class AnscombeV1 {
  kind = "array_to_array";

  static fromConfig(configuration, meta) {
    return new AnscombeV1(configuration, meta.dataType);
  }

  constructor(configuration, dataType) {
    // `out_of_range` only concerns writers.
    const { zero_level, conversion_gain, beta = 0.5, encoded_dtype = "uint8", ...rest } = configuration;
    const { decoded_dtype, out_of_range, ...others } = rest;
    refuse("anscombe-v1", others);
    if (!(Number.isFinite(zero_level) && conversion_gain > 0 && beta > 0)) {
      throw new Error(`anscombe-v1 has a wrong parameter: ${JSON.stringify(configuration)}`);
    }
    if (!Object.hasOwn(CODES, encoded_dtype)) throw new Error(`anscombe-v1 has no codes of ${encoded_dtype}`);
    if (decoded_dtype?.startsWith(">")) throw new Error("big-endian arrays of Zarr format 2 are not supported");
    if (!VALUES[dataType]) throw new Error(`anscombe-v1 cannot decode to ${dataType} here`);
    this.encodedType = encoded_dtype;
    this.Values = VALUES[dataType];
    this.value = memoized(valueOf(zero_level, conversion_gain, beta, encoded_dtype, dataType), encoded_dtype);
  }

  getEncodedMeta(meta) {
    return { ...meta, dataType: this.encodedType, fillValue: 0 };
  }

  decode({ data, shape, stride }) {
    const values = new this.Values(data.length);
    for (let i = 0; i < data.length; i++) values[i] = this.value(data[i]);
    return { data: values, shape, stride };
  }

  encode() {
    throw new Error("anscombe-v1 is only read here");
  }
}

/** Return the function from a code to its value: a BigInt for 64-bit integers, and otherwise a number. */
function valueOf(zeroLevel, gain, beta, encodedType, dataType) {
  const slope = 1 / beta / ROOT;
  const scale = 2 / beta;
  const offset = (zeroLevel * slope) / gain;

  const codeOf = (x) => {
    const u = (x - zeroLevel) / gain;
    return roundHalfToEven(u < 0 ? offset + u * slope : offset + scale * (Math.sqrt(u + 0.375) - ROOT));
  };
  const inputOf = (y) => {
    const d = y - offset;
    const t = d * (1 / scale);
    return zeroLevel + gain * (d < 0 ? d * (1 / slope) : t * (t + 2 * ROOT));
  };

  const isFloatCode = encodedType.startsWith("float");
  if (dataType.startsWith("float")) {
    const clip = (x) => Math.min(Math.max(x, -LARGEST[dataType]), LARGEST[dataType]);
    if (isFloatCode) return (code) => (Math.abs(code) === Infinity ? code : clip(inputOf(code)));
    return (code) => clip((inputOf(code - 0.5) + inputOf(code + 0.5)) / 2);
  }

  const bits = BigInt(8 * VALUES[dataType].BYTES_PER_ELEMENT);
  const lowest = dataType.startsWith("u") ? 0n : -(1n << (bits - 1n));
  const end = lowest + (1n << bits);
  const nearest = (x) => {
    if (x <= Number(lowest)) return lowest;
    return x >= Number(end - 1n) ? end - 1n : BigInt(roundHalfToEven(x));
  };
  // The first integer that has this code or a higher one.
  const firstInteger = (code) => {
    let [low, high] = [lowest, end];
    while (low < high) {
      const middle = (low + high) >> 1n;
      if (codeOf(Number(middle)) >= code) high = middle;
      else low = middle + 1n;
    }
    return low;
  };
  const middleOfIntegers = (code) => {
    const first = firstInteger(code);
    const last = firstInteger(code + 1) - 1n;
    const middle = (first + last) >> 1n;
    if (first > last) return nearest(inputOf(code));
    return (last - first) & middle & 1n ? middle + 1n : middle; // a tie goes to the even one
  };
  const integerOf = isFloatCode ? (code) => nearest(Number.isNaN(code) ? zeroLevel : inputOf(code)) : middleOfIntegers;
  return bits === 64n ? integerOf : (code) => Number(integerOf(code));
}

function roundHalfToEven(x) {
  const rounded = Math.round(x); // half up
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Return `compute`, which then works out the value of each code only once. */
function memoized(compute, encodedType) {
  if (CODES[encodedType].BYTES_PER_ELEMENT <= 2) {
    const known = [];
    return (code) => (known[code & 0xffff] ??= compute(code));
  }
  const known = new Map();
  return (code) => {
    if (!known.has(code)) known.set(code, compute(code));
    return known.get(code);
  };
}

export class PhotonPredictV1 {
  kind = "array_to_array";

  static fromConfig(configuration, meta) {
    return new PhotonPredictV1(configuration, meta.dataType);
  }

  constructor(configuration, dataType) {
    // Metadata of Zarr format 2 also have the shape of the chunks and the data type of the codes.
    const { weights, bias, first_weights, first_bias, shift, chunks, encoded_dtype, ...others } = configuration;
    refuse("photon-predict-v1", others);
    const numbers = [bias, first_bias, shift, ...weights, ...first_weights];
    if (weights.length !== 9 || first_weights.length !== 8 || !numbers.every(Number.isInteger)) {
      throw new Error(`photon-predict-v1 has a wrong parameter: ${JSON.stringify(configuration)}`);
    }
    if (!/^u?int(8|16)$/.test(dataType)) throw new Error(`photon-predict-v1 has no codes of ${dataType}`);
    Object.assign(this, { weights, bias, firstWeights: first_weights, firstBias: first_bias, shift, dataType });
  }

  getEncodedMeta(meta) {
    return { ...meta, dataType: this.dataType.replace(/^i/, "ui"), fillValue: 0 };
  }

  decode({ data, shape, stride }) {
    const codes = new CODES[this.dataType](data.length);
    const last = shape.length - 1;
    const x = last > 0 ? { size: shape[last], step: stride[last] } : { size: 1, step: 0 };
    const y = last > 1 ? { size: shape[last - 1], step: stride[last - 1] } : { size: 1, step: 0 };
    const pixels = [];
    for (let i = 0; i < y.size; i++) {
      for (let j = 0; j < x.size; j++) pixels.push(i * y.step + j * x.step);
    }
    let planes = [0];
    for (let axis = 1; axis < last - 1; axis++) {
      planes = planes.flatMap((start) => Array.from({ length: shape[axis] }, (_, i) => start + i * stride[axis]));
    }
    for (const plane of planes) {
      const frames = Array.from({ length: shape[0] }, (_, t) => plane + t * stride[0]);
      this.#decodePlane(data, codes, frames, pixels, y.size, x.size);
    }
    return { data: codes, shape, stride };
  }

  /** Decode a plane, the pixels of which lie at each of `frames` plus each of `pixels`. */
  #decodePlane(residuals, codes, frames, pixels, height, width) {
    const bits = 8 * codes.BYTES_PER_ELEMENT;
    const zero = this.dataType.startsWith("u") ? 0 : 2 ** (bits - 1);
    const frame = new Int32Array(height * width); // codes as unsigned integers
    const pitch = width + 2;
    const mean = new Int32Array((height + 2) * pitch); // of the frames before, and around it its edges once more
    const around = [-1, 0, 1].flatMap((row) => [-1, 0, 1].map((column) => row * pitch + column));
    const { weights, bias, shift } = this;
    let seen = 0;
    for (const [t, start] of frames.entries()) {
      for (let i = 0, y = 0; y < height; y++) {
        for (let x = 0, center = (y + 1) * pitch + 1; x < width; x++, i++, center++) {
          let sum = bias;
          if (t > 0) for (let k = 0; k < 9; k++) sum += product(weights[k], mean[center + around[k]]);
          const predicted = t > 0 ? sum >> 5 : this.#inFirstFrame(frame, i, width);
          const residual = residuals[start + pixels[i]];
          frame[i] = (predicted + ((residual >> 1) ^ -(residual & 1))) & (2 ** bits - 1);
          codes[start + pixels[i]] = frame[i] - zero;
        }
      }
      seen = frame.every((code) => code === frame[0]) ? 1 : seen + 1;
      const step = Math.min(shift, 32 - Math.clz32(seen - 1));
      for (let y = -1; y <= height; y++) {
        const row = width * Math.min(Math.max(y, 0), height - 1);
        for (let x = -1, i = (y + 1) * pitch; x <= width; x++, i++) {
          const code = frame[row + Math.min(Math.max(x, 0), width - 1)];
          mean[i] += (128 * code - mean[i] + ((1 << step) >> 1)) >> step;
        }
      }
    }
  }

  /** Return the prediction of a code from the rows above, and in the first row from the pixel to the left. */
  #inFirstFrame(frame, i, width) {
    if (i < width) return i > 0 ? frame[i - 1] : 0;
    const x = i % width;
    const above = i - x - width;
    const second = Math.max(above - width, 0);
    const column = (distance) => Math.min(Math.max(x + distance, 0), width - 1);
    let sum = this.firstBias;
    for (let k = 0; k < 5; k++) sum += product(this.firstWeights[k], 128 * frame[above + column(k - 2)]);
    for (let k = 0; k < 3; k++) sum += product(this.firstWeights[5 + k], 128 * frame[second + column(k - 1)]);
    return sum >> 5;
  }

  encode() {
    throw new Error("photon-predict-v1 is only read here");
  }
}

/** Return weight * mean >> 16, of which the product may have more than 32 bits. */
function product(weight, mean) {
  return Math.floor((weight * mean) / 65536);
}

function refuse(codec, fields) {
  for (const name of Object.keys(fields)) throw new Error(`${codec} has a field that is not known here: ${name}`);
}
