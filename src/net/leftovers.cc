// SPDX-License-Identifier: Apache-2.0
#include "net/leftovers.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/spawn.h"

namespace rkt::net {
namespace {

std::optional<std::string> find_program(const std::string& name) {
  for (const char* dir : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/sbin/"})
    if (const std::string path = dir + name; ::access(path.c_str(), X_OK) == 0) return path;
  return std::nullopt;
}

std::string run_tables(const std::string& program, std::vector<std::string> args) {
  SpawnOptions o;
  o.exe = program;
  o.argv = {program, "-w", "-t", "nat"};
  o.argv.insert(o.argv.end(), args.begin(), args.end());
  o.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  return run_for_output(o, std::size_t{64} << 20);
}

bool is_cni_chain(std::string_view name) { return name.starts_with("CNI-") && !name.starts_with("CNI-HOSTPORT-"); }

bool is_of(const std::vector<std::string>& words, const std::string& container_id) {
  const auto comment = std::ranges::find(words, "--comment");
  return comment != words.end() && comment + 1 != words.end() &&
         (comment + 1)->find(cat("id: \"", container_id, "\"")) != std::string::npos;
}

}  // namespace

std::vector<std::string> split_rule(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  bool inside = false, any = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && inside && i + 1 < line.size()) {
      word += line[++i];
    } else if (c == '"') {
      inside = !inside;
      any = true;
    } else if (c == ' ' && !inside) {
      if (any) out.push_back(std::move(word));
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) out.push_back(std::move(word));
  return out;
}

std::vector<std::vector<std::string>> plan_rule_removal(std::string_view listing, const std::string& container_id) {
  std::vector<std::vector<std::string>> out;
  std::vector<std::string> chains;
  const auto note_chain = [&](const std::string& name) {
    if (is_cni_chain(name) && std::ranges::find(chains, name) == chains.end()) chains.push_back(name);
  };
  for (const auto line : split(listing, '\n')) {
    auto words = split_rule(line);
    if (words.size() < 4 || words[0] != "-A" || !is_of(words, container_id)) continue;
    note_chain(words[1]);
    const auto jump = std::ranges::find(words, "-j");
    if (jump != words.end() && jump + 1 != words.end()) note_chain(*(jump + 1));
    words[0] = "-D";
    out.push_back(std::move(words));
  }
  for (const auto& chain : chains) out.push_back({"-F", chain});
  for (const auto& chain : chains) out.push_back({"-X", chain});
  return out;
}

void remove_leftover_rules(const Uuid& uuid) {
  for (const char* name : {"iptables", "ip6tables"}) {
    const auto program = find_program(name);
    if (!program) continue;
    for (const auto& command : plan_rule_removal(run_tables(*program, {"-S"}), uuid.str())) {
      try {
        run_tables(*program, command);
      } catch (const Error& e) {
        log::debug("networking", e.brief());  // gone since the listing: another gc, or the administrator
      }
    }
  }
}

}  // namespace rkt::net
