export const room = "bench";
