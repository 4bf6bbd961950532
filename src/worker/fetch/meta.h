// SPDX-License-Identifier: Apache-2.0
// appc meta discovery as far as it is text: the tags of a page, which of them count for a name, what a template
// becomes. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::fetch {

struct MetaTag {
  std::string name;    ///< "ac-discovery", "ac-discovery-pubkeys", …
  std::string prefix;  ///< the first word of its content
  std::string target;  ///< the rest: a template or a URL
};

/// The <meta> tags of a page whose name begins with "ac-" and whose content has both parts, in the order of the page.
std::vector<MetaTag> meta_tags(std::string_view html);

/// "a/b/c", "a/b", "a".
std::vector<std::string> prefixes_of(std::string_view name);

/// Whole components: "x.com/foo" counts for itself and "x.com/foo/bar", not for "x.com/foobar".
bool prefix_matches(std::string_view prefix, std::string_view name);

/// `text` with {name} and each {label} filled in. {version} is "latest" unless asked for. nullopt: a placeholder stays.
std::optional<std::string> render_template(std::string_view text, std::string_view name,
                                           const std::map<std::string, std::string>& labels, std::string_view ext);

}  // namespace rkt::fetch
