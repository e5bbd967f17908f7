// What the reader has changed inside the network: how strongly units answer, and their kernels.

/** Make the table of changes for these layers; at first nothing is changed. */
export function makeChanges(layers) {
  const strengths = new Map(); // layer → a number for each of its units; 1 is as they answer by themselves
  const kernels = new Map(); // name of a weight → {shape, data, units}: what is added to it, and for which units

  return {
    strength: (name, unit) => strengths.get(name)?.[unit] ?? 1,
    setStrength(name, unit, strength) {
      const numbers = strengths.get(name) ?? new Float32Array(layers.get(name).shape[0]).fill(1);
      numbers[unit] = strength;
      if (numbers.every((number) => number === 1)) strengths.delete(name);
      else strengths.set(name, numbers);
    },
    hasKernel: (weight, unit) => Boolean(kernels.get(weight?.name)?.units.has(unit)),
    /** A unit's kernel as it is now: the numbers of all its channels. */
    kernel(weight, unit) {
      const length = weight.data.length / weight.shape[0];
      const from = unit * length;
      const change = kernels.get(weight.name)?.data;
      return weight.data.slice(from, from + length).map((number, i) => number + (change ? change[from + i] : 0));
    },
    /** Give a unit another kernel; null gives it its own again. */
    setKernel(weight, unit, numbers) {
      const length = weight.data.length / weight.shape[0];
      const change = kernels.get(weight.name) ?? { ...weight, data: new Float32Array(weight.data.length), units: new Set() };
      for (let i = unit * length, k = 0; k < length; i++, k++) change.data[i] = numbers ? numbers[k] - weight.data[i] : 0;
      if (numbers) change.units.add(unit);
      else change.units.delete(unit);
      if (change.units.size) kernels.set(weight.name, change);
      else kernels.delete(weight.name);
    },
    clear() {
      strengths.clear();
      kernels.clear();
    },
    /** How many changes there are. */
    count() {
      const weaker = [...strengths.values()].map((numbers) => numbers.filter((number) => number !== 1).length);
      const edited = [...kernels.values()].map(({ units }) => units.size);
      return [...weaker, ...edited].reduce((sum, count) => sum + count, 0);
    },
    isChanged: (name, weight) => strengths.has(name) || kernels.has(weight?.name),
    /** As the worker wants it: names, numbers, and the shapes in which strengths multiply and kernels add. */
    list() {
      const stronger = [...strengths].map(([name, numbers]) => {
        const shape = layers.get(name).maps ? [1, numbers.length, 1, 1] : [1, numbers.length];
        return { name, shape, data: numbers };
      });
      const added = [...kernels].map(([name, { shape, data }]) => ({ name, shape, data }));
      return { strengths: stronger, kernels: added };
    },
  };
}

/** A strength in words. */
export function strengthText(strength) {
  if (strength === 0) return "off";
  return strength === 1 ? "as it is" : `× ${strength.toFixed(1)}`;
}
