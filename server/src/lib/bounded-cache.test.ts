import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { createBoundedCache } from "./bounded-cache.ts";

test("the cache holds exactly the latest used keys, never more than entriesMax", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.oneof(
    fc.record({ do: fc.constant("set" as const), key, value: fc.nat() }),
    fc.record({ do: fc.constant("get" as const), key }),
    fc.record({ do: fc.constant("delete" as const), key }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (entriesMax, steps) => {
      const cache = createBoundedCache<number>({ entriesMax });
      let model: [string, number][] = [];
      for (const each of steps) {
        const found = model.find(([name]) => name === each.key);
        const others = model.filter(([name]) => name !== each.key);
        switch (each.do) {
          case "set":
            cache.set(each.key, each.value);
            model = [...others, [each.key, each.value] satisfies [string, number]].slice(-entriesMax);
            break;
          case "get":
            assert.equal(cache.get(each.key), found?.[1]);
            if (found !== undefined) model = [...others, found];
            break;
          case "delete":
            cache.delete(each.key);
            model = others;
            break;
        }
        assert.deepEqual([...cache.entries()], model);
        assert.equal(cache.size, model.length);
      }
    }),
  );
});
