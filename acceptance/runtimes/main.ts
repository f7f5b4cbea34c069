/** The tour as a program of any runtime: settings as JSON in its argument, what it saw as JSON on its output. */
import process from "node:process";
import * as sdk from "capsuled";
import { settingsIn, tour } from "./tour.ts";

process.stdout.write(`${JSON.stringify(await tour(sdk, settingsIn(process.argv[2] ?? "")))}\n`);
