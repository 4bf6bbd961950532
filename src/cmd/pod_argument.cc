// SPDX-License-Identifier: Apache-2.0
#include "cmd/pod_argument.h"

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::cmd {

std::string read_uuid_file(const std::string& path) {
  constexpr std::size_t kLimit = 4096;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open ", path));  // unquoted: scripts match it
  return std::string(trim(read_all(fd.get(), path, kLimit)));
}

std::vector<std::string> pod_texts(const cli::Parsed& in, int unreadable) {
  const std::string& file = in.text("uuid-file");
  if (file.empty() == in.args.empty()) throw cli::UsageWanted{};
  if (file.empty()) return in.args;
  try {
    return {read_uuid_file(file)};
  } catch (Error& e) {
    e.push("unable to resolve UUID from file");
    throw e.exit_with(unreadable);
  }
}

namespace {

std::string only_app(const cli::Env& env, const appc::PodManifest& manifest) {
  if (manifest.apps.empty()) throw Error(Errc::invalid, "pod contains zero apps");
  if (manifest.apps.size() == 1) return manifest.apps.front().name.str();
  env.err("pod contains multiple apps:");
  for (const auto& app : manifest.apps) env.err(cat("\t", app.name.str()));
  throw Error(Errc::usage, cat("specify app using \"rkt ", env.command(), " --app= ...\""));
}

}  // namespace

std::string choose_app(const cli::Env& env, const cli::Parsed& in, const pod::Pod& pod) {
  const auto manifest = pod.manifest();
  if (in.text("app").empty())
    return in_context([] { return std::string("unable to determine app name"); },
                      [&] { return only_app(env, manifest); });
  return in_context([] { return std::string("unable to find app"); },
                    [&] {
                      const std::string name = appc::AcName::parse(in.text("app")).str();
                      if (manifest.find_app(name) == nullptr)
                        throw Error(Errc::not_found, cat("app ", name, " is not present in pod"));
                      return name;
                    });
}

pod::Pod open_pod(const pod::Pods& pods, const std::string& text, std::string_view frame) {
  const auto resolve = [&] {
    return in_context([] { return std::string("unable to resolve UUID"); }, [&] { return pods.resolve(text); });
  };
  return in_context([&] { return std::string(frame); }, [&] { return pod::Pod::open(pods, resolve()); });
}

}  // namespace rkt::cmd
