// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/registry.h"
#include "image/list_filter.h"
#include "json/value.h"
#include "store/store.h"

namespace rkt::cmd {
namespace {

struct Column {
  std::string_view field, header;
};
constexpr std::array<Column, 5> kColumns = {
    {{"id", "ID"}, {"name", "NAME"}, {"size", "SIZE"}, {"importtime", "IMPORT TIME"}, {"lastused", "LAST USED"}}};

// The words of a comma list, none in an empty one.
std::vector<std::string> words(const std::string& value) {
  std::vector<std::string> out;
  if (value.empty()) return out;
  for (const auto word : split(value, ',')) out.push_back(lower(trim(word)));
  return out;
}

// Known ones, each at most once; the texts become part of the flag's error.
void check_words(const std::string& value, bool id_allowed) {
  std::vector<std::string> seen;
  for (const auto& name : words(value)) {
    const bool known = std::ranges::any_of(kColumns, [&](const Column& c) { return c.field == name; });
    if (!known || (!id_allowed && name == "id")) throw Error(Errc::usage, cat("unknown option ", quoted(name)));
    if (std::ranges::find(seen, name) != seen.end()) throw Error(Errc::usage, cat("duplicated option ", quoted(name)));
    seen.push_back(name);
  }
}
void check_fields(const std::string& value) { check_words(value, true); }
void check_sort(const std::string& value) { check_words(value, false); }
void check_order(const std::string& value) {
  if (lower(value) != "asc" && lower(value) != "desc") throw Error(Errc::usage, "wrong sort order");
}

void check_filter(const std::string& value) { image::ListFilter::parse(value); }

std::string display_name(const store::ImageRecord& r) {
  return r.version.empty() ? r.name : cat(r.name, ":", r.version);
}
std::uint64_t total_size(const store::ImageRecord& r) { return r.size + r.tree_size; }

// Whether a sorts before b by that field: -1, 0, 1.
int compare(const store::ImageRecord& a, const store::ImageRecord& b, std::string_view field) {
  const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (field == "name") return order(a.name, b.name);
  if (field == "size") return order(total_size(a), total_size(b));
  if (field == "lastused") return order(a.last_used, b.last_used);
  return order(a.imported, b.imported);
}

void sort_images(std::vector<store::ImageRecord>& images, const std::string& fields, bool descending) {
  const auto keys = words(fields);
  std::ranges::stable_sort(images, [&](const auto& a, const auto& b) {
    for (const auto& key : keys)
      if (const int c = compare(a, b, key); c != 0) return descending ? c > 0 : c < 0;
    return false;
  });
}

std::string cell(const store::ImageRecord& r, std::string_view field, bool full, store::TimePoint now) {
  if (field == "id") return full ? r.key : r.key.substr(0, 19);
  if (field == "name") return printable(display_name(r), cli::kMaxName);
  if (field == "size") return full ? cat(total_size(r)) : cli::short_size(total_size(r));
  const auto time = field == "lastused" ? r.last_used : r.imported;
  return full ? cli::absolute_time(time) : cli::relative_time(time, now);
}

json::Value as_json(const store::ImageRecord& r) {
  json::Object o;
  o.set("id", r.key);
  o.set("name", display_name(r));
  o.set("import_time", r.imported.time_since_epoch().count());
  o.set("last_used_time", r.last_used.time_since_epoch().count());
  o.set("size", total_size(r));
  return o;
}

void print_json(cli::Env& env, const std::vector<store::ImageRecord>& images, bool pretty) {
  json::Array list;
  for (const auto& r : images) list.emplace_back(as_json(r));
  const json::Value all = list.empty() ? json::Value() : json::Value(std::move(list));
  env.out(json::write(all, pretty ? json::Style::pretty : json::Style::compact) + "\n");
}

// Takes images whose manifest does not parse out of the list; they are reported and the rest is shown.
void report_unreadable(cli::Env& env, const std::set<std::string>& odd, std::vector<store::ImageRecord>& images) {
  std::vector<std::string> lines;
  std::size_t count = 0;
  std::erase_if(images, [&](const store::ImageRecord& r) {
    if (!odd.contains(r.key)) return false;
    try {
      (void)appc::parse_image_manifest(r.manifest);
      return false;
    } catch (const Error& e) {
      ++count;
      lines.insert(lines.end(),
                   {cat("Unable to load manifest of image ", r.name, " because it is invalid:"), cat("  ", e.cause()),
                    "ID of the invalid image:", cat("  ", r.key), "----------------------------------------"});
      return true;
    }
  });
  if (count == 0) return;
  env.err(cat(count, " error(s) encountered when listing images:"));
  env.err("----------------------------------------");
  for (const auto& line : lines) env.err(line);
  env.err("misc:");
  env.err("  rkt's appc version: 0.8.11");
}

int run_image_list(cli::Env& env, const cli::Parsed& in) {
  const store::Store store = store::Store::open(env.data_dir());
  auto images = store.images();
  report_unreadable(env, store.odd_manifests(), images);
  image::filter_images(images, in.list("filter"));
  sort_images(images, in.text("sort"), lower(in.text("order")) == "desc");
  if (const std::string& format = in.text("format"); !format.empty()) {
    print_json(env, images, format == "json-pretty");
    return 0;
  }
  const auto fields = words(in.text("fields"));
  std::vector<cli::Row> rows;
  if (!in.on("no-legend")) {
    cli::Row header;
    for (const auto& field : fields)
      header.emplace_back(std::ranges::find_if(kColumns, [&](const Column& c) { return c.field == field; })->header);
    rows.push_back(std::move(header));
  }
  const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  for (const auto& r : images) {
    cli::Row row;
    for (const auto& field : fields) row.push_back(cell(r, field, in.on("full"), now));
    rows.push_back(std::move(row));
  }
  env.out(cli::table(rows));
  return 0;
}

}  // namespace

const cli::Command image_list{
    .name = "image list",
    .brief = "List images in the local store",
    .flags =
        [] {
          return cli::Flags{
              checked(cli::text("fields", "id,name,size,importtime,lastused",
                                "comma-separated list of fields to display: id, name, size, importtime, lastused"),
                      check_fields),
              checked(cli::text("sort", "importtime", "sort by these fields: name, importtime, lastused, size"),
                      check_sort),
              checked(cli::text("order", "asc", "asc or desc"), check_order),
              checked(cli::list("filter", "only images like this: id=BEGINNING, name=PATTERN, label=NAME=VALUE"),
                      check_filter),
              cli::toggle("no-legend", false, "suppress a legend with the list"),
              cli::toggle("full", false, "use long output format"),
              cli::format()};
        },
    .run = run_image_list};

}  // namespace rkt::cmd
