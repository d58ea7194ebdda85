/* SPDX-License-Identifier: Apache-2.0 */
// Before anything is painted: the theme that was chosen here before.
"use strict";
try {
	const chosen = localStorage.getItem("theme");
	if (chosen === "light" || chosen === "dark")
		document.documentElement.dataset.theme = chosen;
} catch {
	// A browser that keeps nothing: the system's theme.
}
