/** The tour for a page, which calls `tour(settings)` once this is loaded. */
import * as sdk from "capsuled";
import { settingsIn, tour } from "./tour.ts";

Object.assign(globalThis, { tour: (settings: string) => tour(sdk, settingsIn(settings)) });
