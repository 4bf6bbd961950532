// SPDX-License-Identifier: Apache-2.0
#include "cmd/pod_table.h"

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "pod/describe.h"

namespace rkt::cmd {
namespace {

std::string time_cell(const std::optional<pod::TimePoint>& t, bool full) {
  const auto at = t.value_or(pod::TimePoint{});
  return full ? cli::absolute_time(at) : cli::relative_time(at, std::chrono::system_clock::now());
}

// Without a manifest that could be read: a pod being prepared, or one that is being removed.
bool lacks_manifest(pod::State s) {
  return s == pod::State::preparing || s == pod::State::aborted_prepare || s == pod::State::deleting ||
         s == pod::State::exited_deleting;
}

void append(cli::Row& row, const cli::Row& cells) { row.insert(row.end(), cells.begin(), cells.end()); }

}  // namespace

std::string PodTable::image_cell(const pod::Pod& pod, const std::string& app) {
  try {
    if (const auto m = pod.image_manifest(app)) return printable(m->display_name(), cli::kMaxName);
    throw Error(Errc::not_found, "no image manifest");
  } catch (const Error& e) {
    errors_.push_back(cat("pod ", pod.id().str(), " ImageManifest could not be loaded:\n  ", e.cause()));
    return "--";
  }
}

void PodTable::add(const pod::Pod& pod) {
  std::vector<appc::RuntimeApp> apps;
  if (!lacks_manifest(pod.state())) {
    try {
      apps = pod.manifest().apps;
    } catch (const Error& e) {
      errors_.push_back(cat("Unable to read pod ", pod.id().str(), " manifest:\n  ", e.cause()));
      return;
    }
  }
  const std::string uuid = full_ ? pod.id().str() : pod.id().str().substr(0, 8), name = pod.name();
  const auto started = pod.started();
  const cli::Row tail = {std::string(pod::state_name(pod.state())), time_cell(pod.created(), full_),
                         started ? time_cell(started, full_) : "", pod::networks_text(pod::shown_networks(pod))};
  named_ |= !name.empty();
  if (apps.empty()) {
    cli::Row& row = rows_.emplace_back(cli::Row{uuid, "-", "-"});
    if (full_) row.emplace_back("-");
    append(row, tail);
    names_.push_back(name);
  }
  for (std::size_t i = 0; i < apps.size(); ++i) {
    const auto& app = apps[i];
    cli::Row row = {i == 0 ? uuid : "", app.name.str(), image_cell(pod, app.name.str())};
    if (full_) row.push_back(app.image_id.short_list());
    append(row, i == 0 ? tail : cli::Row(tail.size()));
    rows_.push_back(std::move(row));
    names_.push_back(i == 0 ? name : "");
  }
}

std::string PodTable::text(bool legend) const {
  std::vector<cli::Row> rows;
  if (legend) {
    cli::Row header = {"UUID", "APP", "IMAGE NAME", "STATE", "CREATED", "STARTED", "NETWORKS"};
    if (full_) header.insert(header.begin() + 3, "IMAGE ID");
    if (named_) header.emplace_back("POD NAME");
    rows.push_back(std::move(header));
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows.push_back(rows_[i]);
    if (named_) rows.back().push_back(names_[i]);
  }
  return rows.empty() ? "\n" : cli::table(rows);
}

}  // namespace rkt::cmd
