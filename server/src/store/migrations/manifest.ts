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
    sqlite: "de8cca1871d7c136dffbe4c28ad355a33fea23e00e3031a321c4ef7d510e6a69",
    postgres: "2736f25715d32bd07d997702e4c109745766c322b4f15e8dccbcbf9829041b7f",
  },
  {
    name: "0004_network",
    sqlite: "a1a81b291ff15d32431b7f265b1d341cb4d19fd0da99fab141decb6e04aea10e",
    postgres: "3325a8e828f29da9e7502820a2ee0b41fba7a9ea58fb99e38f4a0e715c94421c",
  },
  {
    name: "0005_run_lists",
    sqlite: "78ade0a3ffffe7bf2d3aad7d602c3c75284ab688d67d06717811b42fa9d5cb0a",
    postgres: "78ade0a3ffffe7bf2d3aad7d602c3c75284ab688d67d06717811b42fa9d5cb0a",
  },
  {
    name: "0006_templates",
    sqlite: "a38843f6c4374c2a5d0d4fa221b3877538b356ebde112eda3b04706e16fbe4b6",
    postgres: "c457dba8a578758169d3e13d0edd483f2f6df42a65e48a2bd9df66953c4d6311",
  },
  {
    name: "0007_ports",
    sqlite: "9092f55ce4ddca9ec6478a17d5eaf876a9b4dfbb4af739f27763672850ce8a82",
    postgres: "9fd07d6fc4bcac11e416696ff988b2ced2b9d5b85f2db58edfcc4cf30421108b",
  },
  {
    name: "0008_builds",
    sqlite: "44b7c57ac2d7dbc1b2f382f4327d63fea57d8bad135d1bed04178a3201cccf6d",
    postgres: "143ca888828d3bec313fd73510fff473116662c2094b3a06b0e9c1cf4f049dbc",
  },
  {
    name: "0009_layers_of_hosts",
    sqlite: "db1dd4e08012352dcd0c9d95529776bd40f9ccdc912999cc9ba20484a7a8b07e",
    postgres: "db1dd4e08012352dcd0c9d95529776bd40f9ccdc912999cc9ba20484a7a8b07e",
  },
  {
    name: "0010_no_leases",
    sqlite: "82c18a58f498a0ff25a6ad1f09c4f6e19751f702e5d4b9e54d4aab30dac51ab0",
    postgres: "82c18a58f498a0ff25a6ad1f09c4f6e19751f702e5d4b9e54d4aab30dac51ab0",
  },
  {
    name: "0011_usage",
    sqlite: "8db4562f0517a6a54a89ca66df6bd72ac952935fac55522ae8b520041127a379",
    postgres: "f0057a3a03455298e07baf92a78634fb1d32b2a2174d48f4e05facf40ed81a6b",
  },
];
