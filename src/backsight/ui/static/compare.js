// Compare: filled when the comparison of runs is there.
import { note } from "./common.js";
document.getElementById("main").replaceChildren(note("", "Comparing runs is not available yet."));
