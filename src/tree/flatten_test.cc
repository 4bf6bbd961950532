// SPDX-License-Identifier: Apache-2.0
#include "tree/flatten.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Images named by letters: what each depends on and its whitelist.
struct Fake {
  std::string dependencies;
  std::vector<std::string> whitelist;
};

class Graph {
 public:
  explicit Graph(std::map<char, Fake> images) : images_(std::move(images)) {}
  store::ImageRecord image(char c) const {
    appc::ImageManifest m;
    m.ac_version = "0.8.11";
    m.name = std::string(1, c);
    for (const char d : images_.at(c).dependencies) m.dependencies.push_back({.image_name = std::string(1, d)});
    m.path_whitelist = images_.at(c).whitelist;
    store::ImageRecord r;
    r.key = cat("sha512-", std::string(64, c));
    r.name = m.name;
    r.manifest = appc::write(m);
    return r;
  }
  std::vector<Flat> flat(char top) const {
    return flatten(image(top), [&](const appc::Dependency& d) { return image(d.image_name[0]); });
  }
  std::string order(char top) const {
    std::string out;
    for (const auto& f : flat(top)) out += f.image.name;
    return out;
  }

 private:
  std::map<char, Fake> images_;
};

TEST(Flatten, LaterDependenciesComeBeforeEarlierOnes) {
  EXPECT_EQ(Graph({{'a', {"bc", {}}}, {'b', {"", {}}}, {'c', {"d", {}}}, {'d', {"", {}}}}).order('a'), "acdb");
}

TEST(Flatten, AnImageReachedTwiceAppearsTwice) {
  EXPECT_EQ(Graph({{'a', {"bc", {}}}, {'b', {"d", {}}}, {'c', {"d", {}}}, {'d', {"", {}}}}).order('a'), "acdbd");
}

TEST(Flatten, ACycleIsAnError) {
  EXPECT_THROW(Graph({{'a', {"b", {}}}, {'b', {"a", {}}}}).order('a'), Error);
  EXPECT_THROW(Graph({{'a', {"a", {}}}}).order('a'), Error);
}

TEST(Flatten, ABombOfDependenciesIsAnError) {
  std::map<char, Fake> wide;
  for (char c = 'a'; c < 'p'; ++c) wide[c] = {std::string(2, static_cast<char>(c + 1)), {}};
  wide['p'] = {};
  EXPECT_THROW(Graph(wide).order('a'), Error);
}

TEST(UpperWhitelist, IsThatOfTheHighestImageOfTheBranchThatHasOne) {
  const Graph g({{'a', {"bc", {}}}, {'b', {"", {}}}, {'c', {"d", {"/c"}}}, {'d', {"e", {"/d"}}}, {'e', {"", {}}}});
  const auto list = g.flat('a');  // a c d e b
  EXPECT_THAT(upper_whitelist(list, 0), IsEmpty());
  EXPECT_THAT(upper_whitelist(list, 1), IsEmpty()) << "its own does not count";
  EXPECT_THAT(upper_whitelist(list, 2), ElementsAre("/c"));
  EXPECT_THAT(upper_whitelist(list, 3), ElementsAre("/c"));
  EXPECT_THAT(upper_whitelist(list, 4), IsEmpty()) << "another branch";
}

TEST(DepsId, DependsOnEveryImageAndTheirOrder) {
  const Graph g({{'a', {"bc", {}}}, {'b', {"", {}}}, {'c', {"", {}}}, {'d', {"cb", {}}}});
  EXPECT_EQ(deps_id(g.flat('a')).size(), 12 + 64U);
  EXPECT_TRUE(deps_id(g.flat('a')).starts_with("deps-sha512-"));
  EXPECT_NE(deps_id(g.flat('a')), deps_id(g.flat('b')));
  auto swapped = g.flat('a');
  std::swap(swapped[1], swapped[2]);
  EXPECT_NE(deps_id(g.flat('a')), deps_id(swapped));
}

}  // namespace
}  // namespace rkt::tree
