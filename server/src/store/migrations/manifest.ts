/** The checksum of every released migration on each engine. An entry never changes; a new migration adds one. */
export const manifest: readonly { readonly name: string; readonly sqlite: string; readonly postgres: string }[] = [
  {
    name: "0001_first",
    sqlite: "438faed4dbab2ce9261e3330c1099ddc8b22f0298f5b12025aa29fec9536b8ba",
    postgres: "86022ca0b0cae7e052249684775857ad4686c9715f9db6c95dca44320ee28c84",
  },
];
