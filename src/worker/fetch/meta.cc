// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/meta.h"

#include <gumbo.h>

#include <memory_resource>

#include "base/strings.h"
#include "worker/fetch/protocol.h"

namespace rkt::fetch {
namespace {

constexpr std::size_t kMaxTags = 1000;

// The parser frees its tree by recursion, which a page of nested tags makes as deep as it likes: everything it
// allocates is taken from one pool that goes as a whole.
void* allocate(void* pool, std::size_t size) {
  return static_cast<std::pmr::monotonic_buffer_resource*>(pool)->allocate(size);
}
void release(void* /*pool*/, void* /*block*/) {}

std::string_view attribute(const GumboVector& attributes, const char* name) {
  const GumboAttribute* found = gumbo_get_attribute(&attributes, name);
  return found == nullptr ? std::string_view{} : std::string_view(found->value);
}

std::optional<MetaTag> read_tag(const GumboVector& attributes) {
  const auto name = trim(attribute(attributes, "name"));
  if (!name.starts_with("ac-")) return std::nullopt;
  const auto content = trim(attribute(attributes, "content"));
  const auto blank = content.find_first_of(" \t\r\n");
  if (blank == std::string_view::npos || content.size() > kMaxField) return std::nullopt;
  return MetaTag{std::string(name), std::string(content.substr(0, blank)), std::string(trim(content.substr(blank)))};
}

}  // namespace

std::vector<MetaTag> meta_tags(std::string_view html) {
  std::pmr::monotonic_buffer_resource pool;
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &allocate;
  options.deallocator = &release;
  options.userdata = &pool;
  options.max_errors = 0;
  const GumboOutput* page = gumbo_parse_with_options(&options, html.data(), html.size());

  std::vector<MetaTag> out;
  std::vector<const GumboNode*> todo{page->document};  // last in, first out: children go in backwards
  while (!todo.empty() && out.size() < kMaxTags) {
    const GumboNode* node = todo.back();
    todo.pop_back();
    const GumboVector* children = nullptr;
    if (node->type == GUMBO_NODE_DOCUMENT) {
      children = &node->v.document.children;
    } else if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE) {
      children = &node->v.element.children;
      if (node->v.element.tag == GUMBO_TAG_META)
        if (auto tag = read_tag(node->v.element.attributes)) out.push_back(*std::move(tag));
    }
    for (unsigned i = children == nullptr ? 0 : children->length; i > 0; --i)
      todo.push_back(static_cast<const GumboNode*>(children->data[i - 1]));
  }
  return out;
}

std::vector<std::string> prefixes_of(std::string_view name) {
  std::vector<std::string> out;
  for (auto end = name.size(); end != std::string_view::npos && end != 0; end = name.rfind('/', end - 1))
    out.emplace_back(name.substr(0, end));
  return out;
}

bool prefix_matches(std::string_view prefix, std::string_view name) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.empty() || !name.starts_with(prefix)) return false;
  return name.size() == prefix.size() || name[prefix.size()] == '/';
}

std::optional<std::string> render_template(std::string_view text, std::string_view name,
                                           const std::map<std::string, std::string>& labels, std::string_view ext) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) {
      out += text.substr(open);
      break;
    }
    const auto word = text.substr(open + 1, close - open - 1);
    const auto label = labels.find(std::string(word));
    if (word == "name")
      out += name;
    else if (word == "ext")
      out += ext;
    else if (label != labels.end())
      out += label->second;
    else if (word == "version")
      out += "latest";
    else
      return std::nullopt;
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace rkt::fetch
