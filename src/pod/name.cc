// SPDX-License-Identifier: Apache-2.0
#include "pod/name.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::pod {
namespace {

constexpr const char* kNameFile = "pod-name";
constexpr std::size_t kShortUuid = 8, kLongest = 64;

// A pod that has the name, and since when.
struct Holder {
  Uuid id;
  State state;
  timespec since{};
};

bool later(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

std::vector<Holder> holders(const Pods& pods, std::string_view name) {
  std::vector<Holder> out;
  std::vector<std::string> strays;
  for (const auto& id : pods.list(strays)) {
    const auto pod = Pod::find(pods, id);
    if (!pod || pod->name() != name) continue;
    Holder one{.id = id, .state = pod->state()};
    struct stat st{};
    if (::fstatat(pod->dir().get(), kNameFile, &st, AT_SYMLINK_NOFOLLOW) == 0) one.since = st.st_mtim;
    out.push_back(one);
  }
  return out;
}

}  // namespace

bool PodName::is_possible(std::string_view text) {
  const bool like_uuid =
      text.size() >= kShortUuid && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
  return !text.empty() && text.size() <= kLongest && !like_uuid;
}

PodName PodName::parse(std::string_view text) {
  PodName name(appc::AcName::parse(text).str());
  if (text.size() > kLongest)
    throw Error(Errc::invalid, cat("pod name ", quoted(text), " has more than ", kLongest, " characters"));
  if (!is_possible(text)) throw Error(Errc::invalid, cat("pod name ", quoted(text), " looks like a UUID"));
  return name;
}

NameClaim NameClaim::take(const Pods& pods, const PodName& name) {
  NameClaim claim(KeyLock::take(make_dirs(cat(pods.data(), "/locks"), 0750), "podName", LockMode::exclusive), name);
  for (const auto& h : holders(pods, name.str()))
    if (h.state == State::preparing || h.state == State::prepared || h.state == State::running)
      throw Error(Errc::busy, cat("pod ", quoted(h.id.str()), ", which is ", state_name(h.state), ", has the name ",
                                  quoted(name.str())));
  return claim;
}

void NameClaim::write(const DirFd& pod) const { write_file(pod, kNameFile, name_.str(), 0640); }

std::string Pod::name() const {
  const auto text = find_file_text(dir_, kNameFile, 4096);
  return text && PodName::is_possible(*text) ? *text : "";
}

std::optional<Uuid> find_named(const Pods& pods, std::string_view name) {
  if (!PodName::is_possible(name)) return std::nullopt;
  std::optional<Holder> last;
  for (const auto& h : holders(pods, name))
    if (!last || later(h.since, last->since)) last = h;
  if (!last) return std::nullopt;
  return last->id;
}

}  // namespace rkt::pod
