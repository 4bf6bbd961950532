// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cstring>

namespace rkt {
namespace {

Errc code_for(int err) noexcept {
  switch (err) {
    case ENOENT:
      return Errc::not_found;
    case EACCES:
    case EPERM:
      return Errc::denied;
    case EBUSY:
    case EWOULDBLOCK:
      return Errc::busy;
    case ENOSYS:
    case EOPNOTSUPP:
      return Errc::unsupported;
    default:
      return Errc::system;
  }
}

std::string errno_text(int err) {
  char buf[128];
  std::string text = ::strerror_r(err, buf, sizeof buf);  // GNU form
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

Error::Error(Errc code, std::string cause, int sys_errno) : code_(code), errno_(sys_errno) {
  if (sys_errno != 0) cause += ": " + errno_text(sys_errno);
  frames_.push_back(std::move(cause));
}

Error Error::from_errno(std::string_view doing, int err) { return {code_for(err), std::string(doing), err}; }

void Error::push(std::string doing) { frames_.push_back(std::move(doing)); }

void Error::add(const Error& other) { frames_.front() += "; " + other.brief(); }

Error& Error::at(std::string_view place) {
  frames_.front().insert(0, ": ").insert(0, place);
  return *this;
}

Error& Error::hint(std::string remedy) {
  hint_ = std::move(remedy);
  return *this;
}

Error& Error::with_errno(int err) {
  errno_ = err;
  return *this;
}

Error& Error::exit_with(int status) {
  exit_code_ = status;
  return *this;
}

std::string Error::brief() const {
  std::string out = frames_.back();
  if (frames_.size() > 1) out += ": " + frames_.front();
  if (!hint_.empty()) out += "; " + hint_;
  return out;
}

std::string Error::tree() const {
  std::string out;
  std::string indent;
  for (auto it = frames_.rbegin(); it != frames_.rend(); ++it) {
    if (!out.empty()) {
      indent += "  ";
      out += "\n" + indent + "└─";
    }
    out += *it;
  }
  if (!hint_.empty()) out += "\n" + indent + "  (" + hint_ + ")";
  return out;
}

}  // namespace rkt
