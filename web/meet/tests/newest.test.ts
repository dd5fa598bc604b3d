// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { Newest } from "../src/newest";

interface Question {
  resolve(answer: string): void;
  reject(error: string): void;
}

/** Questions that are answered when the test says so, and what was shown of the answers. */
function desk() {
  const questions: Question[] = [];
  const shown: string[] = [];
  const newest = new Newest(
    () => new Promise<string>((resolve, reject) => void questions.push({ resolve, reject })),
    { answered: (answer) => shown.push(answer), failed: (error) => shown.push(`failed: ${error}`) },
  );
  return { questions, shown, newest };
}

it("an answer that was overtaken is not shown, whenever it comes", async () => {
  const { questions, shown, newest } = desk();
  const asked = [newest.ask(), newest.ask(), newest.ask()];
  questions[1]?.resolve("second");
  await asked[1];
  expect(shown).toEqual([]);
  questions[2]?.resolve("third");
  questions[0]?.resolve("first");
  await Promise.all(asked);
  expect(shown).toEqual(["third"]);
});

it("a failure that was overtaken is not shown either", async () => {
  const { questions, shown, newest } = desk();
  const asked = [newest.ask(), newest.ask()];
  questions[1]?.resolve("second");
  questions[0]?.reject("late");
  await Promise.all(asked);
  expect(shown).toEqual(["second"]);
  const again = newest.ask();
  questions[2]?.reject("asked too often");
  await again;
  expect(shown).toEqual(["second", "failed: asked too often"]);
});

it("what was asked before it was forgotten is not shown, also when it is asked for anew", async () => {
  const { questions, shown, newest } = desk();
  const before = newest.ask();
  newest.forget();
  questions[0]?.resolve("of the call before");
  await before;
  expect(shown).toEqual([]);
  const asked = [newest.ask()];
  newest.forget();
  asked.push(newest.ask());
  questions[1]?.resolve("of the call before");
  questions[2]?.resolve("of this one");
  await Promise.all(asked);
  expect(shown).toEqual(["of this one"]);
});
