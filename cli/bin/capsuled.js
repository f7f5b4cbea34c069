#!/usr/bin/env node
// In a clone the sources run as they are, which needs the Node that npm installed; the published package has this file built.
import "../src/main.ts";
