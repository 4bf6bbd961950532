// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/output_file.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "image/unpack_client.h"

namespace rkt::cmd {
namespace {

OutputFile open_output(const std::string& path, bool overwrite) {
  try {
    return {path, overwrite, "output ACI file exists (try --overwrite)"};
  } catch (Error& e) {
    if (e.sys_errno() != 0) e.push(cat("unable to open output ACI file ", path));
    throw;
  }
}

void write_aci(const store::Store& store, const store::ImageRecord& record, const std::string& path, bool overwrite) {
  OutputFile out = open_output(path, overwrite);
  const UniqueFd blob = store.open_blob(record.blobs.at(0));
  const std::string digest = filling(path, [&] { return image::decompress_to(blob.get(), out.fd()); });
  if (cat("sha512-", digest) != record.blobs[0])
    throw Error(Errc::invalid,
                cat("image hash does not match expected (sha512-", digest, " != ", record.blobs[0], ")"));
  out.commit();
}

int run_image_export(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 2) throw cli::UsageWanted{};
  const store::Store store = store::Store::open(env.data_dir());
  const auto record = image::lookup(store, in.args[0]);
  if (record.kind != store::ImageKind::aci)
    throw Error(Errc::unsupported,
                cat("image ", quoted(record.name), " is kept as Docker/OCI layers, there is no ACI to export"))
        .hint("image render writes its file system");
  write_aci(store, record, in.args[1], in.on("overwrite"));
  return 0;
}

}  // namespace

const cli::Command image_export{
    .name = "image export",
    .args = "IMAGE OUTPUT_ACI_FILE",
    .brief = "Export a stored image to an ACI file",
    .flags = [] { return cli::Flags{cli::toggle("overwrite", false, "overwrite output ACI")}; },
    .run = run_image_export};

}  // namespace rkt::cmd
