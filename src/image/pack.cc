// SPDX-License-Identifier: Apache-2.0
// ustar headers, with a pax header before each for what they cannot hold. The directory may be one that a hostile image
// was unpacked into: its names are only ever used relative to an open directory, and nothing in it is taken apart.
#include "image/pack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kTarBlock = 512;

struct TarHead {
  std::array<char, kTarBlock> bytes{};
  void text(std::size_t at, std::size_t size, std::string_view value) {
    std::memcpy(bytes.data() + at, value.data(), std::min(size, value.size()));
  }
  // Too large a number stays 0: the pax header has it.
  void octal(std::size_t at, std::size_t size, std::uint64_t value) {
    if (value >> (3 * (size - 1)) != 0) value = 0;
    for (std::size_t i = size - 1; i-- > 0; value >>= 3) bytes[at + i] = static_cast<char>('0' + (value & 7));
  }
};

class Packer {
 public:
  explicit Packer(int out) : out_(out) {}

  void manifest(const std::string& text) {
    struct stat st{};
    st.st_mode = S_IFREG | 0644;
    st.st_size = static_cast<off_t>(text.size());
    head("manifest", st, '0', {}, {});
    write_all(out_, text, "the image");
    pad(text.size());
  }

  void tree(const DirFd& rootfs) {
    struct stat st{};
    if (::fstat(rootfs.get(), &st) < 0) throw Error::from_errno("stat rootfs");
    head("rootfs", st, '5', {}, xattrs(rootfs.get()));
    Descent place(rootfs.clone());
    std::string path = "rootfs";
    for (;;) {
      if (const auto name = place.next()) {
        const std::string at = cat(path, "/", *name);
        if (!in_context([&] { return cat("pack ", quoted(at)); }, [&] { return entry(place.at(), *name, at); }))
          continue;
        DirFd sub = place.at().sub(*name);
        place.down(*name, std::move(sub));
        path = at;
        continue;
      }
      if (place.at_top()) return;
      path.resize(path.size() - place.up().size() - 1);
    }
  }

  void end() { write_all(out_, std::string(2 * kTarBlock, '\0'), "the image"); }

 private:
  // True: a directory, to go into.
  bool entry(const DirFd& dir, const std::string& name, const std::string& path) {
    const UniqueFd fd = dir.open_file(name, O_PATH);
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0) throw Error::from_errno("stat");
    if (S_ISSOCK(st.st_mode)) return false;
    if (S_ISLNK(st.st_mode)) {
      std::string target(PATH_MAX, '\0');
      const ssize_t n = ::readlinkat(fd.get(), "", target.data(), target.size());
      if (n < 0) throw Error::from_errno("read a link");
      target.resize(static_cast<std::size_t>(n));
      head(path, st, '2', target, {});
      return false;
    }
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
      const auto [it, first] = links_.try_emplace({st.st_dev, st.st_ino}, path);
      if (!first) {
        st.st_size = 0;
        head(path, st, '1', it->second, {});
        return false;
      }
    }
    const auto attributes = xattrs(fd.get());
    if (S_ISREG(st.st_mode)) {
      head(path, st, '0', {}, attributes);
      content(dir.open_file(name, O_RDONLY | O_NONBLOCK), st);
      return false;
    }
    head(path, st,
         S_ISDIR(st.st_mode)   ? '5'
         : S_ISCHR(st.st_mode) ? '3'
         : S_ISBLK(st.st_mode) ? '4'
                               : '6',
         {}, attributes);
    return S_ISDIR(st.st_mode);
  }

  void content(const UniqueFd& file, const struct stat& st) {
    struct stat now{};
    if (::fstat(file.get(), &now) < 0) throw Error::from_errno("stat");
    if (now.st_dev != st.st_dev || now.st_ino != st.st_ino) throw Error(Errc::busy, "it was replaced meanwhile");
    std::string buf(std::size_t{1} << 17, '\0');
    for (off_t left = st.st_size; left > 0;) {
      const ssize_t n = ::read(file.get(), buf.data(), std::min(buf.size(), static_cast<std::size_t>(left)));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error::from_errno("read");
      if (n == 0) throw Error(Errc::busy, "it became shorter meanwhile");
      write_all(out_, std::string_view(buf.data(), static_cast<std::size_t>(n)), "the image");
      left -= n;
    }
    pad(static_cast<std::size_t>(st.st_size));
  }

  using Attributes = std::map<std::string, std::string>;

  // What the unpack worker applies: user.* and file capabilities.
  static Attributes xattrs(int fd) {
    const std::string path = cat("/proc/self/fd/", fd);
    std::string names(XATTR_LIST_MAX, '\0');
    const ssize_t size = ::listxattr(path.c_str(), names.data(), names.size());
    Attributes out;
    for (const auto piece :
         split(std::string_view(names).substr(0, size < 0 ? 0 : static_cast<std::size_t>(size)), '\0')) {
      const std::string name(piece);
      if (!name.starts_with("user.") && name != "security.capability") continue;
      std::string value(XATTR_SIZE_MAX, '\0');
      const ssize_t n = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
      if (n < 0) throw Error::from_errno(cat("read extended attribute ", name));
      out[name] = value.substr(0, static_cast<std::size_t>(n));
    }
    return out;
  }

  static std::string pax_record(std::string_view key, std::string_view value) {
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t size = rest + cat(rest).size();
    if (rest + cat(size).size() != size) size = rest + cat(size).size();
    return cat(size, " ", key, "=", value, "\n");
  }

  void head(const std::string& path, const struct stat& st, char type, const std::string& target,
            const Attributes& attributes) {
    std::string pax;
    if (path.size() > 100) pax += pax_record("path", path);
    if (target.size() > 100) pax += pax_record("linkpath", target);
    if (st.st_uid >> 21 != 0) pax += pax_record("uid", cat(st.st_uid));
    if (st.st_gid >> 21 != 0) pax += pax_record("gid", cat(st.st_gid));
    if (type == '0' && st.st_size >> 33 != 0) pax += pax_record("size", cat(st.st_size));
    if (st.st_mtim.tv_nsec != 0 || st.st_mtim.tv_sec < 0 || st.st_mtim.tv_sec >> 33 != 0)
      pax += pax_record("mtime", cat(st.st_mtim.tv_sec, ".", cat(1'000'000'000 + st.st_mtim.tv_nsec).substr(1)));
    for (const auto& [name, value] : attributes) pax += pax_record(cat("SCHILY.xattr.", name), value);
    if (!pax.empty()) {
      struct stat none{};
      none.st_mode = 0644;
      none.st_size = static_cast<off_t>(pax.size());
      block("pax", none, 'x', {});
      write_all(out_, pax, "the image");
      pad(pax.size());
    }
    block(path, st, type, target);
  }

  void block(const std::string& path, const struct stat& st, char type, const std::string& target) {
    TarHead h;
    h.text(0, 100, path);
    h.octal(100, 8, st.st_mode & 07777);
    h.octal(108, 8, st.st_uid);
    h.octal(116, 8, st.st_gid);
    h.octal(124, 12, type == '0' || type == 'x' ? static_cast<std::uint64_t>(st.st_size) : 0);
    h.octal(136, 12, st.st_mtim.tv_sec < 0 ? 0 : static_cast<std::uint64_t>(st.st_mtim.tv_sec));
    h.text(148, 8, "        ");
    h.bytes[156] = type;
    h.text(157, 100, target);
    h.text(257, 8, std::string_view("ustar\00000", 8));
    h.octal(329, 8, type == '3' || type == '4' ? major(st.st_rdev) : 0);
    h.octal(337, 8, type == '3' || type == '4' ? minor(st.st_rdev) : 0);
    unsigned sum = 0;
    for (const char c : h.bytes) sum += static_cast<unsigned char>(c);
    h.octal(148, 7, sum);
    h.bytes[154] = '\0';
    write_all(out_, {h.bytes.data(), h.bytes.size()}, "the image");
  }

  void pad(std::size_t size) {
    if (const std::size_t over = size % kTarBlock; over != 0)
      write_all(out_, std::string(kTarBlock - over, '\0'), "the image");
  }

  int out_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;  // first path of a file with several names
};

}  // namespace

void pack_aci(const std::string& manifest, const DirFd& rootfs, int out) {
  Packer packer(out);
  packer.manifest(manifest);
  packer.tree(rootfs);
  packer.end();
}

}  // namespace rkt::image
