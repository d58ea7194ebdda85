/* SPDX-License-Identifier: Apache-2.0 */
// Debian's TOML library is C++; this is all that optmig-cc needs of it: the top-level keys, as text.
#define TOML_EXCEPTIONS 0
#include <cstdio>
#include <string>
#include <toml++/toml.h>

extern "C" int cc_toml_read(const char *path, int (*set)(void *, const char *, const char *), void *context, char *problem,
	std::size_t problem_size);

static bool to_text(const toml::node &node, std::string &text)
{
	if (auto s = node.value<std::string>(); node.is_string()) text = *s;
	else if (node.is_integer()) text = std::to_string(*node.value<int64_t>());
	else if (node.is_boolean()) text = *node.value<bool>() ? "1" : "0";
	else if (const toml::array *a = node.as_array()) {
		for (const toml::node &item : *a) {
			std::string part;
			if (!to_text(item, part)) return false;
			text += (text.empty() ? "" : ",") + part;
		}
	} else return false;
	return true;
}

int cc_toml_read(const char *path, int (*set)(void *, const char *, const char *), void *context, char *problem, std::size_t problem_size)
{
	problem[0] = 0;
	toml::parse_result result = toml::parse_file(path);
	if (!result) {
		const toml::parse_error &e = result.error();
		std::snprintf(problem, problem_size, "line %u: %.*s", (unsigned)e.source().begin.line, (int)e.description().size(), e.description().data());
		return 1;
	}
	for (auto &&[key, node] : result.table()) {
		std::string text, name(key.str());
		if (!to_text(node, text)) {
			std::snprintf(problem, problem_size, "'%s' is neither text, number, flag nor list", name.c_str());
			return 1;
		}
		if (set(context, name.c_str(), text.c_str())) return 1;
	}
	return 0;
}
