import { StunMessage } from "@fractal-punch/wire";
import type { Question } from "../question.ts";

/** The same with bytes of its own: one that is answered after the call. */
export function ownedQuestion(question: Question): Question {
  const message = new StunMessage();
  message.load(question.message.bytes.slice());
  return { ...question, message };
}
