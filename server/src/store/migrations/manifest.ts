/** The checksum of every released migration on each engine. An entry never changes; a new migration adds one. */
export const manifest: readonly { readonly name: string; readonly sqlite: string; readonly postgres: string }[] = [
  {
    name: "0001_first",
    sqlite: "438faed4dbab2ce9261e3330c1099ddc8b22f0298f5b12025aa29fec9536b8ba",
    postgres: "86022ca0b0cae7e052249684775857ad4686c9715f9db6c95dca44320ee28c84",
  },
  {
    name: "0002_events",
    sqlite: "c3ce87218c6dd4f764fe235f4b895c341abbd27d2efb5fdb5a10d3e3081886c4",
    postgres: "46a4336159f2678dd8b4882a746327ac18cecf0320e4881fe27512361c13ca36",
  },
  {
    name: "0003_endpoints",
    sqlite: "f6b54bfb05ea403a90ee3f4b65daa620f4dde97a0ef424f79ef8bcbb3ff640c8",
    postgres: "4703427076f82ea7be1d7405e5686292556f5388499f248138f737c6d97649a9",
  },
];
