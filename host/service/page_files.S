/* SPDX-License-Identifier: Apache-2.0 */
/* The page's files (host/service/web) as they are, between NAME and NAME_end. */
	.macro file name, path
	.balign 16
	.globl \name, \name\()_end
	.hidden \name, \name\()_end
\name:
	.incbin "\path"
\name\()_end:
	.endm

	.section .rodata, "a", @progbits
	file page_index_html, host/service/web/index.html
	file page_style_css, host/service/web/style.css
	file page_theme_js, host/service/web/theme.js
	file page_app_js, host/service/web/app.js
	file page_icon_svg, host/service/web/icon.svg
	.section .note.GNU-stack, "", @progbits
