// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "pod/name.h"
#include "pod/pod.h"
#include "sys/file.h"
#include "sys/group.h"

namespace rkt::pod {
namespace {

// In the order in which a pod passes through them: looking in this order cannot miss one that is being renamed.
constexpr std::array<std::string_view, 6> kPlaceNames = {"embryo", "prepare",        "prepared",
                                                         "run",    "exited-garbage", "garbage"};
constexpr std::size_t kMaxReserved = 8192;  // of a file in which pods note what no other one gets
// Those that a UUID argument may name and `list` shows.
constexpr std::array<std::string_view, 4> kVisible = {"prepare", "prepared", "run", "exited-garbage"};

DirFd open_place(const DirFd& pods, std::string_view place) {
  const std::string name(place);
  if (auto there = pods.find_sub(name)) return std::move(*there);
  return pods.make_sub(name, 0750);
}

}  // namespace

std::string_view state_name(State s) {
  switch (s) {
    case State::embryo:
      return "embryo";
    case State::preparing:
      return "preparing";
    case State::aborted_prepare:
      return "aborted prepare";
    case State::prepared:
      return "prepared";
    case State::running:
      return "running";
    case State::exited:
      return "exited";
    case State::exited_garbage:
      return "exited garbage";
    case State::exited_deleting:
      return "exited deleting";
    case State::garbage:
      return "garbage";
    case State::deleting:
      return "deleting";
    case State::gone:
      return "gone";
  }
  return "unknown";
}

std::string_view state_place(State s) {
  switch (s) {
    case State::embryo:
      return "embryo";
    case State::preparing:
    case State::aborted_prepare:
      return "prepare";
    case State::prepared:
      return "prepared";
    case State::running:
    case State::exited:
      return "run";
    case State::exited_garbage:
    case State::exited_deleting:
      return "exited-garbage";
    case State::garbage:
    case State::deleting:
      return "garbage";
    case State::gone:
      return "";
  }
  return "";
}

bool is_finished(State s) {
  return s == State::exited || s == State::exited_garbage || s == State::aborted_prepare || s == State::garbage ||
         s == State::gone;
}

bool is_after_run(State s) {
  return s == State::exited || s == State::exited_garbage || s == State::exited_deleting || s == State::garbage ||
         s == State::deleting;
}

Pods Pods::open(const std::string& data) {
  Pods out;
  out.data_ = data;
  const DirFd top = open_data_directory(data);
  try {
    auto there = top.find_sub("pods");
    const DirFd pods = there ? std::move(*there) : top.make_sub("pods", 0750);
    for (const auto place : kPlaceNames) out.dirs_.push_back(open_place(pods, place));
  } catch (const Error& e) {
    // Who may only read sees that there are none, where nobody has made a pod yet.
    if ((e.sys_errno() != EACCES && e.sys_errno() != EROFS) || ::faccessat(top.get(), "pods", F_OK, 0) == 0) throw;
    out.dirs_.clear();
  }
  return out;
}

const DirFd& Pods::dir(std::string_view place) const {
  const auto it = std::find(kPlaceNames.begin(), kPlaceNames.end(), place);
  if (it == kPlaceNames.end()) throw Error(Errc::bug, cat("no pods directory ", quoted(place)));
  if (!there()) throw Error(Errc::not_found, cat("there are no pods in ", quoted(data_)));
  return dirs_.at(static_cast<std::size_t>(it - kPlaceNames.begin()));
}

bool Pods::empty() const {
  return std::ranges::all_of(kPlaceNames.begin() + 1, kPlaceNames.end(),
                             [&](std::string_view place) { return list_place(place).empty(); });
}

std::string Pods::path(std::string_view place) const { return cat(data_, "/pods/", place); }

bool Pods::holds(std::string_view place, const Uuid& id, const DirFd& open) const {
  struct stat held{}, named{};
  if (::fstat(open.get(), &held) < 0) throw Error::from_errno("stat a pod directory");
  return ::fstatat(dir(place).get(), id.str().c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

std::vector<Uuid> Pods::list(std::vector<std::string>& skipped) const {
  if (!there()) return {};
  std::set<Uuid> found;  // one pod may be seen in two places while it is renamed
  for (const auto place : kVisible) {
    const DirFd& d = dir(place);
    for (const auto& name : d.names()) {
      struct stat st{};
      if (::fstatat(d.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) continue;  // moved on meanwhile
      const auto id = Uuid::parse(name);
      if (!S_ISDIR(st.st_mode)) {
        skipped.push_back(cat("unrecognized entry: ", quoted(name), ", ignoring"));
      } else if (!id || id->str() != name) {
        skipped.push_back(cat("skipping ", quoted(name), ": not the UUID of a pod"));
      } else {
        found.insert(*id);
      }
    }
  }
  return {found.begin(), found.end()};
}

std::vector<Uuid> Pods::list_place(std::string_view place) const {
  if (!there()) return {};
  std::vector<Uuid> out;
  for (const auto& name : dir(place).names())
    if (const auto id = Uuid::parse(name); id && id->str() == name) out.push_back(*id);
  return out;
}

std::vector<std::string> Pods::texts(const std::string& name) const {
  std::vector<std::string> out;
  for (const auto* place : {"prepare", "prepared", "run", "exited-garbage", "garbage"})
    for (const auto& id : list_place(place))
      if (auto text = find_file_text(dir(place), cat(id.str(), "/", name), kMaxReserved))
        out.push_back(std::move(*text));
  return out;
}

Uuid Pods::resolve(std::string_view text) const {
  if (text.empty()) throw Error(Errc::usage, "UUID cannot be empty");
  if (!there()) throw Error(Errc::not_found, cat("no matches found for ", quoted(text)));
  const std::string prefix = lower(text);
  if (const auto whole = Uuid::parse(prefix); whole && whole->str() == prefix) {
    for (const auto place : kVisible)
      if (dir(place).exists(prefix)) return *whole;
  }
  if (const auto named = find_named(*this, text)) return *named;
  std::set<std::string> matches;
  for (const auto place : kVisible)
    for (const auto& name : dir(place).names())
      if (name.starts_with(prefix)) matches.insert(name);
  if (matches.empty()) throw Error(Errc::not_found, cat("no matches found for ", quoted(text)));
  if (matches.size() > 1) throw Error(Errc::invalid, cat("ambiguous uuid, ", matches.size(), " matches"));
  const auto id = Uuid::parse(*matches.begin());
  if (!id) {
    Error e(Errc::invalid, "bad UUID length != 32");
    e.push("invalid UUID");
    throw e;
  }
  return *id;
}

}  // namespace rkt::pod
