// SPDX-License-Identifier: Apache-2.0
#include "stage0/apps.h"

#include <algorithm>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"

namespace rkt::stage0 {
namespace {

using appc::App;
using appc::Isolator;

constexpr std::int64_t kLeastMemory = 4096;

void drop_isolators(App& app, std::initializer_list<std::string_view> names) {
  std::erase_if(app.isolators,
                [&](const Isolator& i) { return std::find(names.begin(), names.end(), i.name) != names.end(); });
}

json::Array texts(const std::vector<std::string>& all) { return {all.begin(), all.end()}; }

Isolator resource(const char* name, const std::string& quantity) {
  json::Object o;
  o.set("default", false);
  o.set("request", quantity);
  o.set("limit", quantity);
  return {name, std::move(o)};
}

Isolator set_of(const char* name, const std::vector<std::string>& names) {
  json::Object o;
  o.set("set", texts(names));
  return {name, std::move(o)};
}

// mode=retain|remove[,errno=E…],NAME,…
Isolator seccomp(const std::string& text) {
  std::string mode, error;
  std::vector<std::string> names;
  for (const auto piece : split(text, ',')) {
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos) {
      if (!piece.empty()) names.emplace_back(piece);
    } else if (piece.substr(0, equals) == "mode") {
      mode = piece.substr(equals + 1);
    } else if (piece.substr(0, equals) == "errno") {
      error = piece.substr(equals + 1);
    } else {
      throw Error(Errc::invalid, "invalid seccomp command-line override");
    }
  }
  if (mode != "retain" && mode != "remove") throw Error(Errc::invalid, "invalid seccomp mode command-line override");
  json::Object o;
  o.set("set", texts(names));
  if (!error.empty()) o.set("errno", error);
  return {cat("os/linux/seccomp-", mode, "-set"), std::move(o)};
}

void override_resources(App& app, const AppRequest& r) {
  if (r.memory) {
    check_memory(*r.memory);
    app.isolators.push_back(resource("resource/memory", *r.memory));
  }
  if (r.cpu) {
    appc::Quantity::parse(*r.cpu);
    app.isolators.push_back(resource("resource/cpu", *r.cpu));
  }
  if (r.cpu_shares) {
    drop_isolators(app, {"os/linux/cpu-shares"});
    app.isolators.push_back({"os/linux/cpu-shares", *r.cpu_shares});
  }
  if (r.oom_score_adj) {
    drop_isolators(app, {"os/linux/oom-score-adj"});
    app.isolators.push_back({"os/linux/oom-score-adj", *r.oom_score_adj});
  }
}

void override_privileges(App& app, const AppRequest& r) {
  if (r.caps_retain && r.caps_remove)
    throw Error(Errc::invalid, "error: cannot use both --caps-retain and --caps-remove on the same image");
  if (r.caps_retain || r.caps_remove) {
    drop_isolators(app, {"os/linux/capabilities-retain-set", "os/linux/capabilities-remove-set"});
    app.isolators.push_back(r.caps_retain ? set_of("os/linux/capabilities-retain-set", *r.caps_retain)
                                          : set_of("os/linux/capabilities-remove-set", *r.caps_remove));
  }
  if (r.seccomp) {
    Isolator isolator = seccomp(*r.seccomp);
    appc::interpret_isolators({isolator}, "");  // its set and errno
    drop_isolators(app, {"os/linux/seccomp-retain-set", "os/linux/seccomp-remove-set"});
    app.isolators.push_back(std::move(isolator));
  }
}

void override_environment(App& app, const AppRequest& r, const PodEnvironment& e) {
  for (const auto& v : e.inherited)
    if (app.find_env(v.name) == nullptr && appc::valid_env_name(v.name)) app.set_env(v.name, v.value);
  // A flag of the pod's beats one of the app's, as in the reference since 1.24.
  for (const auto* stronger : {&r.environment, &e.set_env_file, &e.set_env})
    for (const auto& v : *stronger) {
      if (!appc::valid_env_name(v.name))
        throw Error(Errc::invalid, cat("environment variable ", quoted(v.name), ": not a valid name"));
      app.set_env(v.name, v.value);
    }
  for (const auto& v : app.environment)
    if (!is_utf8(v.value))
      throw Error(Errc::invalid, cat("environment variable ", quoted(v.name), " is not UTF-8, as manifests are"))
          .hint(cat("unset it, or give it a value with --set-env=", v.name, "=VALUE"));
}

App base_app(const AppRequest& r) {
  if (r.manifest.app) {
    check_image_app(*r.manifest.app, r.manifest.name);
    return *r.manifest.app;
  }
  if (!r.exec)
    throw Error(Errc::invalid,
                cat("error: image ", r.image.key, " has no app section and --exec argument is not provided"));
  App app;
  app.user = app.group = "0";  // that of the caller, who is root
  return app;
}

void add_mounts(appc::RuntimeApp& out, const std::vector<appc::Mount>& mounts) {
  for (const auto& m : mounts) {
    const std::string path = clean_path(m.path);
    const bool there = std::any_of(out.mounts.begin(), out.mounts.end(),
                                   [&](const appc::Mount& o) { return clean_path(o.path) == path; });
    if (!there) out.mounts.push_back(m);
  }
}

}  // namespace

void check_app_name(const appc::AcName& name) {
  constexpr std::size_t kLongest = 200;
  if (name.str().size() > kLongest)
    throw Error(Errc::invalid, cat("app name ", quoted(name.str()), " has ", name.str().size(), " characters, not ",
                                   kLongest, " at most"))
        .hint("give the app another with --name");
}

void check_mount(const appc::Mount& mount, const std::vector<appc::Volume>& volumes) {
  if (mount.path.empty()) throw Error(Errc::invalid, "path must be set");
  if (mount.app_volume) return;
  if (std::ranges::none_of(volumes, [&](const appc::Volume& v) { return v.name.str() == mount.volume; }))
    throw Error(Errc::invalid,
                cat("dangling mount point ", quoted(mount.path), ": volume ", quoted(mount.volume), " not found"));
}

void check_memory(const std::string& limit) {
  const auto bytes = appc::Quantity::parse(limit).value();
  if (bytes < kLeastMemory)
    throw Error(Errc::invalid,
                cat("memory limit of ", bytes, " bytes too low. Try a reasonable value, such as --memory=16M"));
}

void check_image_app(const App& app, const std::string& image) {
  if (std::ranges::none_of(app.isolators, [](const Isolator& i) { return i.name == "os/linux/selinux-context"; }))
    return;
  throw Error(Errc::unsupported, cat("image ", quoted(image),
                                     " has isolator os/linux/selinux-context: SELinux keeps pods from each other, so ",
                                     "an image does not choose its context"))
      .hint("where it is wanted, state the app with the isolator in a pod manifest (--pod-manifest)");
}

std::string clean_path(std::string_view path) {
  std::vector<std::string> parts;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (part != "..") {
      parts.emplace_back(part);
    }
  }
  return cat("/", join(parts, "/"));
}

appc::RuntimeApp plan_app(const AppRequest& r, const PodEnvironment& environment,
                          const std::vector<appc::Mount>& pod_mounts) {
  const auto id = appc::ImageId::parse(r.image.key);
  if (!id) throw Error(Errc::bug, cat("bad image key ", quoted(r.image.key)));
  appc::check_runnable(r.manifest.labels);
  App app = base_app(r);
  if (r.exec) app.exec = {*r.exec};
  if (r.replace_args && !r.args.empty() && app.exec.size() > 1) app.exec.resize(1);
  app.exec.insert(app.exec.end(), r.args.begin(), r.args.end());
  if (r.working_dir) app.working_directory = *r.working_dir;
  if (r.user) app.user = *r.user;
  if (r.group) app.group = *r.group;
  if (r.supplementary_gids) app.supplementary_gids = *r.supplementary_gids;
  override_resources(app, r);
  override_privileges(app, r);
  if (!r.user_annotations.empty()) app.user_annotations = r.user_annotations;
  if (!r.user_labels.empty()) app.user_labels = r.user_labels;
  override_environment(app, r, environment);
  appc::RuntimeApp out{.name = r.name ? appc::AcName::parse(*r.name) : appc::AcName::from_image_name(r.manifest.name),
                       .image_id = *id,
                       .image_name = r.manifest.name,
                       .image_labels = r.manifest.labels,
                       .app = std::move(app),
                       .read_only_rootfs = r.read_only_rootfs,
                       .annotations = r.annotations};
  check_app_name(out.name);
  add_mounts(out, r.mounts);
  add_mounts(out, pod_mounts);
  return out;
}

}  // namespace rkt::stage0
