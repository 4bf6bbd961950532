// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "image/unpack_client.h"
#include "sys/file.h"

namespace rkt::cmd {
namespace {

// The file appears complete: it is written aside and renamed.
void write_aci(const store::Store& store, const store::ImageRecord& record, const std::string& path, bool overwrite) {
  const auto slash = path.rfind('/');
  const std::string dir_name = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  in_context([&] { return cat("unable to open output ACI file ", path); },
             [&] {
               const DirFd dir = DirFd::open(dir_name);
               if (name.empty()) throw Error(Errc::usage, "it is a directory");
               if (!overwrite && dir.exists(name)) throw Error(Errc::usage, "output ACI file exists (try --overwrite)");
               AtomicFile out(dir, name, 0644);
               const UniqueFd blob = store.open_blob(record.blobs.at(0));
               const std::string digest = image::decompress_to(blob.get(), out.fd());
               if (cat("sha512-", digest) != record.blobs[0])
                 throw Error(Errc::invalid,
                             cat("image hash does not match expected (sha512-", digest, " != ", record.blobs[0], ")"));
               out.commit();
             });
}

int run_image_export(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 2) throw cli::UsageWanted{};
  const store::Store store = store::Store::open(env.data_dir());
  const auto record = image::lookup(store, in.args[0]);
  if (record.kind != store::ImageKind::aci)
    throw Error(Errc::unsupported,
                cat("image ", quoted(record.name), " is kept as Docker/OCI layers, there is no ACI to export"))
        .hint("image render writes its file system");
  struct stat st{};
  if (!in.on("overwrite") && ::lstat(in.args[1].c_str(), &st) == 0)
    throw Error(Errc::usage, "output ACI file exists (try --overwrite)");
  write_aci(store, record, in.args[1], in.on("overwrite"));
  return 0;
}

}  // namespace

const cli::Command image_export{.name = "image export",
                                .args = "IMAGE OUTPUT_ACI_FILE",
                                .brief = "Export a stored image to an ACI file",
                                .flags = {cli::toggle("overwrite", false, "overwrite output ACI")},
                                .run = run_image_export};

}  // namespace rkt::cmd
