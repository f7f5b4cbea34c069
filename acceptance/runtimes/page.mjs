// The tour for a page: it calls `tour(settings)` once this is loaded.
import * as sdk from "capsuled";
import { tour } from "./tour.mjs";

globalThis.tour = (settings) => tour(sdk, settings);
