export const room = "lab";
