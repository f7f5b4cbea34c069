import assert from "node:assert/strict";
import { test } from "node:test";
import { findBrowser, openPage } from "../harness/browser.ts";
import { request } from "../harness/endpoint.ts";
import { PAGES_ORIGIN } from "../harness/server-process.ts";

const browser = findBrowser();

/** Loads the page into a frame of this width and gives what the script comes to there. */
const inFrame = (width: number, script: string): string => `new Promise((done, failed) => {
  const frame = document.createElement("iframe");
  frame.style.width = "${width}px";
  frame.style.height = "700px";
  frame.src = location.href + "?frame";
  frame.onload = async () => {
    const { document: page } = frame.contentWindow;
    page.documentElement.style.scrollBehavior = "auto";
    const isSeen = (element) => element.getClientRects().length > 0;
    try { done(await (async () => { ${script} })()); } catch (error) { failed(error); }
  };
  document.body.append(frame);
})`;

test(
  "the reference page is found through by words of its text, and by its menu on a narrow screen",
  { skip: "missing" in browser && browser.missing, timeout: 180_000 },
  async () => {
    assert.ok(!("missing" in browser));
    const html = await (await request("/docs")).text();
    await using tab = await openPage(browser.program, PAGES_ORIGIN, html);
    const find = `
      const filter = page.getElementById("filter");
      filter.value = "COLS scrollback"; filter.dispatchEvent(new Event("input"));
      const shown = (selector) => [...page.querySelectorAll(selector)].filter(isSeen);
      const links = shown("nav .group a").map((link) => link.getAttribute("href").slice(1));
      const sections = shown("main section").map((section) => section.id);
      filter.value = "/v1/capsules/{id}/exec"; filter.dispatchEvent(new Event("input"));
      return { links, sections, byPath: shown("main section.operation").map((section) => section.id) };`;
    const { links, sections, byPath } = (await tab.evaluate(inFrame(1300, find))) as Record<"links" | "sections" | "byPath", string[]>;
    assert.deepEqual(links, sections, "the list shows what the page shows");
    assert.ok(!sections.includes("createTeam"));
    assert.deepEqual(byPath, ["exec", "execStream"]);
    const fold = `
      const menu = page.getElementById("menu");
      const link = page.querySelector('nav a[href="#callEndpoint"]');
      const states = [isSeen(link)];
      menu.click(); states.push(isSeen(link), menu.getAttribute("aria-expanded"));
      link.click(); states.push(isSeen(link));
      await new Promise((done) => setTimeout(done, 300));
      const { top } = page.getElementById("callEndpoint").getBoundingClientRect();
      const covered = page.querySelector("nav").getBoundingClientRect().bottom;
      return [...states, top >= covered - 1 && top < 300, page.documentElement.scrollWidth <= 420];`;
    assert.deepEqual(await tab.evaluate(inFrame(420, fold)), [false, true, "true", false, true, true]);
    const follow = `
      page.getElementById("getHealth").scrollIntoView();
      const nav = page.querySelector("nav");
      for (let tries = 0; tries < 200 && nav.querySelector(".current") === null; tries++) await new Promise((done) => setTimeout(done, 20));
      for (let tries = 0; tries < 200 && nav.scrollTop === 0; tries++) await new Promise((done) => setTimeout(done, 20));
      const own = nav.querySelector(".current").getBoundingClientRect();
      return [nav.scrollTop > 0, own.top >= 0 && own.bottom <= 700];`;
    assert.deepEqual(await tab.evaluate(inFrame(1300, follow)), [true, true]);
  },
);
