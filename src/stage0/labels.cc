// SPDX-License-Identifier: Apache-2.0
#include "stage0/labels.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr const char* kContextsFile = "selinux-contexts";  // of a pod: the processes' and the files', a line each
constexpr std::uint16_t kCategories = 1024;

// The value of `KEY = "VALUE"` in a line, quoted or not.
std::optional<std::string> setting_in(std::string_view line, std::string_view key) {
  line = trim(line);
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || trim(line.substr(0, equals)) != key) return std::nullopt;
  auto value = trim(line.substr(equals + 1));
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) value = value.substr(1, value.size() - 2);
  return std::string(value);
}

std::string setting_of(std::string_view text, std::string_view key) {
  for (const auto line : split(text, '\n'))
    if (auto value = setting_in(line, key)) return std::move(*value);
  return {};
}

// USER:ROLE:TYPE, and what follows them: the level may hold colons.
std::pair<std::string_view, std::string_view> split_level(std::string_view context) {
  std::size_t at = 0;
  for (int part = 0; part < 3 && at != std::string_view::npos; ++part) at = context.find(':', at == 0 ? 0 : at + 1);
  if (at == std::string_view::npos) return {context, {}};
  return {context.substr(0, at), context.substr(at + 1)};
}

SelinuxContexts parse_saved(std::string_view text) {
  const auto lines = split(text, '\n');
  if (lines.size() < 2 || lines[0].empty() || lines[1].empty())
    throw Error(Errc::invalid, cat(quoted(kContextsFile), " of the pod holds no contexts"));
  return {.process = std::string(lines[0]), .files = std::string(lines[1])};
}

std::string contexts_path() {
  const std::string type = policy_type(find_file_text(DirFd::open("/"), "etc/selinux/config").value_or(""));
  return cat("/etc/selinux/", type, "/contexts/lxc_contexts");
}

std::optional<SelinuxContexts> contexts_of_host() {
  const std::string path = contexts_path();
  auto found = parse_lxc_contexts(find_file_text(DirFd::open("/"), path.substr(1)).value_or(""));
  if (!found)
    log::note("stage0",
              cat("warning: SELinux does not keep pods apart: ", quoted(path), " names no contexts for them"));
  return found;
}

std::vector<std::string> taken_levels(const pod::Pods& pods) {
  std::vector<std::string> out;
  for (const auto& text : pods.texts(kContextsFile)) out.emplace_back(split_level(split(text, '\n').front()).second);
  return out;
}

std::uint16_t random_category() {
  std::uint8_t bytes[2];
  fill_random(bytes);
  return static_cast<std::uint16_t>((bytes[0] << 8 | bytes[1]) % kCategories);
}

}  // namespace

std::optional<SelinuxContexts> parse_lxc_contexts(std::string_view text) {
  SelinuxContexts out{.process = setting_of(text, "process"), .files = setting_of(text, "file")};
  if (out.process.empty() || out.files.empty()) return std::nullopt;
  return out;
}

std::string policy_type(std::string_view config) {
  const std::string type = setting_of(config, "SELINUXTYPE");
  return type.empty() ? "targeted" : type;
}

std::string with_level(std::string_view context, std::string_view level) {
  return cat(split_level(context).first, ":", level);
}

std::string plan_level(const std::vector<std::string>& taken, const std::function<std::uint16_t()>& random) {
  for (int attempt = 0; attempt < 10'000; ++attempt) {
    const auto [low, high] = std::minmax({random(), random()});
    if (low == high) continue;
    std::string level = cat("s0:c", low, ",c", high);
    if (std::ranges::find(taken, level) == taken.end()) return level;
  }
  throw Error(Errc::busy, "no free pair of SELinux categories");
}

SelinuxContexts find_contexts(const DirFd& pod) {
  if (!selinux_active()) return {};
  const auto text = find_file_text(pod, kContextsFile, 8192);
  return text ? parse_saved(*text) : SelinuxContexts{};
}

SelinuxContexts give_contexts(const pod::Pods& pods, const DirFd& pod) {
  if (!selinux_active()) return {};
  // An earlier start that failed may have left contexts that the policy which is loaded by now does not know.
  pod.unlink(kContextsFile);
  const auto host = contexts_of_host();
  if (!host) return {};
  const KeyLock lock = KeyLock::take(make_dirs(cat(pods.data(), "/locks"), 0750), "selinuxLevels", LockMode::exclusive);
  SelinuxContexts out = *host;
  if (selinux_has_levels()) {
    const std::string level = plan_level(taken_levels(pods), random_category);
    out = {.process = with_level(host->process, level), .files = with_level(host->files, level)};
  }
  for (const auto& context : {out.process, out.files})
    if (!selinux_knows(context))
      throw Error(Errc::invalid,
                  cat("SELinux context ", quoted(context), " of lxc_contexts is none of the policy that is loaded"))
          .hint(cat("correct ", quoted(contexts_path()), " or load its policy"));
  AtomicFile file(pod, kContextsFile, 0640);  // a prepared pod must not be left with half of it
  write_all(file.fd(), cat(out.process, "\n", out.files, "\n"), kContextsFile);
  file.commit(AtomicFile::Sync::no);
  return out;
}

void relabel(const DirFd& tree, const std::string& context) {
  if (context.empty()) return;
  label_file(tree.get(), context);
  visit_below(tree, [&](const DirFd& directory, const std::string& name, const struct stat&) {
    label_path(cat("/proc/self/fd/", directory.get(), "/", name), context);
  });
}

}  // namespace rkt::stage0
