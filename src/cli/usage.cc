// SPDX-License-Identifier: Apache-2.0
#include "cli/usage.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/parse.h"
#include "cli/table.h"

namespace rkt::cli {
namespace {

// As the reference: defaults of plain strings are quoted, those of flags with a grammar of their own are not.
bool is_quoted(const Flag& f) {
  const bool text = f.kind == Flag::Kind::text || f.kind == Flag::Kind::choice_text;
  return text && !f.unquoted && !f.per_image;
}

void add_flags(std::vector<Row>& rows, std::span<const Flag> flags, bool with_help) {
  std::vector<const Flag*> sorted;
  for (const auto& f : flags)
    if (!f.hidden && f.deprecated.empty()) sorted.push_back(&f);
  std::sort(sorted.begin(), sorted.end(), [](const Flag* a, const Flag* b) { return a->name < b->name; });
  if (with_help) rows.push_back({"  -h, --help[=false]", "help for this command"});
  for (const Flag* f : sorted) {
    const std::string value = is_quoted(*f) ? quoted(f->fallback) : std::string(f->fallback);
    const std::string begin = f->letter != 0 ? cat("  -", f->letter, ", --", f->name) : cat("      --", f->name);
    rows.push_back({f->optional_value ? cat(begin, "[=", value, "]") : cat(begin, "=", value), std::string(f->help)});
  }
}

void add_section(std::string& out, std::string_view title, const std::vector<Row>& rows) {
  if (rows.empty()) return;
  out += cat(title, ":\n", table_as_is(rows), "\n");
}

std::vector<Row> command_rows(std::span<const Command> commands, std::string_view group) {
  std::vector<Row> rows;
  for (const auto& c : commands) {
    if (c.hidden) continue;
    if (!group.empty() && !c.name.starts_with(cat(group, " "))) continue;
    rows.push_back({"", std::string(c.name), std::string(c.brief)});
  }
  if (group.empty()) rows.push_back({"", "help", "Help about any command"});
  return rows;
}

}  // namespace

std::string usage(std::span<const Command> commands, std::string_view path, bool bare) {
  const auto it = std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == path; });
  std::string out;
  std::vector<Row> rows;
  if (it != commands.end()) {
    out += cat("NAME:\n\t", path, " - ", it->brief, "\n\nUSAGE:\n\trkt ", path, it->args.empty() ? "" : " ", it->args,
               "\n\n");
    if (!it->description.empty()) {
      out += "DESCRIPTION:\n";
      for (const auto line : split(it->description, '\n')) out += cat("\t", line, "\n");
      out += "\n";
    }
    add_flags(rows, it->flags(), false);
    add_section(out, "OPTIONS", rows);
  } else if (path.empty()) {
    out += cat(
        "NAME:\n\trkt - rkt, the pod-native application container runner\n\nUSAGE:\n\trkt [command]\n\nVERSION:\n\t",
        RKT_VERSION, "\n\n");
    add_section(out, "COMMANDS", command_rows(commands, ""));
    add_flags(rows, global_flags(), bare);
    add_section(out, "OPTIONS", rows);
    return out;
  } else {
    out += cat("NAME:\n\t", path, " - Operate on ", path, "(s)\n\nUSAGE:\n\trkt ", path, " [command]\n\n");
    add_section(out, "COMMANDS", command_rows(commands, path));
    if (bare) add_section(out, "OPTIONS", {{"  -h, --help[=false]", "help for this command"}});
  }
  rows.clear();
  add_flags(rows, global_flags(), false);
  add_section(out, "GLOBAL OPTIONS", rows);
  return out;
}

}  // namespace rkt::cli
