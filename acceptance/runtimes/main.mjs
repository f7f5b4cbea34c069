// The tour as a program: settings as JSON in its argument, what it saw as JSON on its output.
import * as sdk from "capsuled";
import { tour } from "./tour.mjs";

const { argv } = globalThis.process;
console.log(JSON.stringify(await tour(sdk, JSON.parse(argv[2]))));
