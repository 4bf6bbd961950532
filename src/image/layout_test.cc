// SPDX-License-Identifier: Apache-2.0
#include "image/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/digest.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::image {
namespace {

using testing::HasSubstr;

constexpr const char* kManifestMediaType = "application/vnd.oci.image.manifest.v1+json";

oci::Descriptor named(const std::string& name, char digit, std::optional<std::string> arch = std::nullopt) {
  oci::Descriptor d;
  d.media_type = kManifestMediaType;
  d.digest = cat("sha256:", std::string(64, digit));
  if (!name.empty()) d.annotations["org.opencontainers.image.ref.name"] = name;
  if (arch) d.platform = oci::Descriptor::Platform{"linux", *arch, "", ""};
  return d;
}

std::string refused(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.brief() + " " + e.tree();
  }
  return "accepted";
}

const appc::OciPlatform kHost{"linux", "amd64", ""};

TEST(ChooseReference, TakesTheOneThatIsNamed) {
  const oci::Index index{{named("a", '1'), named("b", '2')}};
  EXPECT_EQ(choose_reference(index, "b", kHost).digest, index.manifests[1].digest);
  EXPECT_THAT(refused([&] { choose_reference(index, "c", kHost); }), HasSubstr("\"a\", \"b\""));
}

TEST(ChooseReference, WithoutANameThereMustBeOneImage) {
  EXPECT_EQ(choose_reference({{named("a", '1')}}, "", kHost).digest, named("a", '1').digest);
  EXPECT_EQ(choose_reference({{named("a", '1'), named("b", '1')}}, "", kHost).digest, named("a", '1').digest);
  EXPECT_THAT(refused([&] { choose_reference({{named("a", '1'), named("b", '2')}}, "", kHost); }),
              HasSubstr("several images"));
  EXPECT_THAT(refused([&] { choose_reference({}, "", kHost); }), HasSubstr("no image"));
}

TEST(ChooseReference, PicksThePlatformAmongSeveral) {
  const oci::Index index{{named("", '1', "arm64"), named("", '2', "amd64")}};
  EXPECT_EQ(choose_reference(index, "", kHost).digest, index.manifests[1].digest);
}

TEST(LayoutName, ComesFromTheReferenceOrTheFile) {
  EXPECT_EQ(layout_name("/x/app.tar.gz", "").name, "app");
  EXPECT_EQ(layout_name("/x/app/", "v1").name, "app");
  EXPECT_EQ(layout_name("/x/app/", "v1").tag, "v1");
  EXPECT_EQ(layout_name("/x/app", "docker.io/library/busybox:1.36").name, "docker.io/library/busybox");
  EXPECT_EQ(layout_name("/x/app", "docker.io/library/busybox:1.36").tag, "1.36");
}

TEST(CheckBytes, ComparesSizeAndDigest) {
  oci::Descriptor d;
  d.digest = cat("sha256:", sha256_hex("abc"));
  d.size = 3;
  EXPECT_NO_THROW(check_bytes(d, "abc"));
  EXPECT_THROW(check_bytes(d, "abd"), Error);
  EXPECT_THROW(check_bytes(d, "ab"), Error);
}

class LayoutTest : public testing::Test {
 protected:
  LayoutTest() {
    write_file(dir(), "oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0644);
    dir().make_sub("blobs").make_sub("sha256");
  }
  const DirFd& dir() { return tmp_.dir(); }
  oci::Descriptor blob(const std::string& bytes, const std::string& type) {
    oci::Descriptor d;
    d.media_type = type;
    d.digest = cat("sha256:", sha256_hex(bytes));
    d.size = bytes.size();
    write_file(dir(), cat("blobs/sha256/", sha256_hex(bytes)), bytes, 0644);
    return d;
  }
  std::string text_of(const oci::Descriptor& d) {
    return cat(R"({"mediaType":")", d.media_type, R"(","digest":")", d.digest, R"(","size":)", d.size, "}");
  }
  void index_of(const oci::Descriptor& d) {
    write_file(dir(), "index.json", cat(R"({"schemaVersion":2,"manifests":[)", text_of(d), "]}"), 0644);
  }
  std::string resolve() {
    return refused([&] { Layout(dir().clone()).resolve("", kHost); });
  }
  oci::Descriptor manifest() {
    const auto config = blob(R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}})",
                             "application/vnd.oci.image.config.v1+json");
    return blob(cat(R"({"schemaVersion":2,"mediaType":")", kManifestMediaType, R"(","config":)", text_of(config),
                    R"(,"layers":[)", text_of(config), "]}"),
                kManifestMediaType);
  }
  TempDir tmp_;
};

TEST_F(LayoutTest, LeadsToManifestAndConfiguration) {
  const auto m = manifest();
  index_of(m);
  const LayoutImage got = Layout(dir().clone()).resolve("", kHost);
  EXPECT_EQ(got.manifest_digest, m.digest);
  EXPECT_THAT(got.config, HasSubstr("amd64"));
}

TEST_F(LayoutTest, RefusesADocumentThatIsNotWhatItsDigestNames) {
  const auto m = manifest();
  index_of(m);
  const std::string path = cat("blobs/sha256/", m.digest.substr(7));
  std::string bytes = read_file(dir(), path);
  bytes.back() = ' ';
  write_file(dir(), path, bytes, 0644);
  EXPECT_THAT(resolve(), HasSubstr("expected digest"));
  write_file(dir(), path, bytes + " ", 0644);
  EXPECT_THAT(resolve(), HasSubstr("bytes instead of"));
}

TEST_F(LayoutTest, NeverFollowsALinkOutOfItself) {
  const auto m = manifest();
  index_of(m);
  const std::string path = cat("blobs/sha256/", m.digest.substr(7));
  TempDir outside;
  write_file(outside.dir(), "copy", read_file(dir(), path), 0644);
  dir().unlink(path);
  ASSERT_EQ(::symlinkat((outside.path() + "/copy").c_str(), dir().get(), path.c_str()), 0);
  EXPECT_NE(resolve(), "accepted");
  dir().unlink(path);
  ASSERT_EQ(::mkfifoat(dir().get(), path.c_str(), 0600), 0);
  EXPECT_THAT(resolve(), HasSubstr("not a regular file"));
}

TEST_F(LayoutTest, RefusesWhatIsNoLayout) {
  write_file(dir(), "oci-layout", R"({"imageLayoutVersion":"9.0.0"})", 0644);
  EXPECT_NE(resolve(), "accepted");
  dir().unlink("oci-layout");
  EXPECT_THAT(resolve(), HasSubstr("not an OCI layout"));
}

TEST_F(LayoutTest, AnIndexThatNamesItselfEnds) {
  // An index can only name itself through a collision; a chain of them is what a hostile layout has.
  auto d = manifest();
  for (int i = 0; i < 6; ++i) {
    const std::string platform = R"("platform":{"os":"linux","architecture":"amd64"})";
    std::string inner = text_of(d);
    inner.insert(inner.size() - 1, "," + platform);
    d = blob(
        cat(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)", inner, "]}"),
        "application/vnd.oci.image.index.v1+json");
  }
  index_of(d);
  EXPECT_THAT(resolve(), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace rkt::image
