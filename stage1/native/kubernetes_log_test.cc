// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/kubernetes_log.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/app_log.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

constexpr const char *kModeAnnotation = "coreos.com/rkt/experiment/logmode",
                     *kDirectoryAnnotation = "coreos.com/rkt/experiment/kubernetes-log-dir",
                     *kPathAnnotation = "coreos.com/rkt/experiment/kubernetes-log-path";

std::string why(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(KubernetesLogPlan, NamesADirectoryThatIsThere) {
  const TempDir tmp;
  EXPECT_EQ(kubernetes_log_directory({}), std::nullopt);
  EXPECT_EQ(kubernetes_log_directory({{kDirectoryAnnotation, "x"}}), std::nullopt)
      << "without the mode it means nothing";
  EXPECT_EQ(kubernetes_log_directory({{kModeAnnotation, "k8s-plain"}, {kDirectoryAnnotation, tmp.path()}}), tmp.path());
  const auto refused = [](std::vector<appc::Annotation> all) { return why([&] { kubernetes_log_directory(all); }); };
  EXPECT_EQ(refused({{kModeAnnotation, "json"}}),
            cat("annotation ", kModeAnnotation, " is \"json\": the only mode is k8s-plain"));
  EXPECT_EQ(refused({{kModeAnnotation, "k8s-plain"}}),
            cat("annotation ", kDirectoryAnnotation, " is missing: log mode k8s-plain needs it"));
  for (const std::string& path : {std::string(), std::string("relative"), std::string("/tmp\0x", 6)})
    EXPECT_TRUE(refused({{kModeAnnotation, "k8s-plain"}, {kDirectoryAnnotation, path}})
                    .ends_with(": it must be an absolute path"))
        << path;
  EXPECT_TRUE(refused({{kModeAnnotation, "k8s-plain"}, {kDirectoryAnnotation, tmp.path() + "/no"}})
                  .ends_with("there is no such directory"));
}

TEST(KubernetesLogPlan, AFileIsInThatDirectory) {
  EXPECT_EQ(kubernetes_log_name({{kPathAnnotation, "web_0.log"}}), "web_0.log");
  EXPECT_EQ(why([] { kubernetes_log_name({}); }),
            cat("annotation ", kPathAnnotation, " is missing: log mode k8s-plain needs it"));
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("../a"),
                                  std::string("a/b"), std::string("/a"), std::string("a\0b", 3), std::string(256, 'a')})
    EXPECT_TRUE(why([&] { kubernetes_log_name({{kPathAnnotation, name}}); }).ends_with("without a directory")) << name;
}

class KubernetesLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<KubernetesLog> make(const std::string& name = "a", std::uint64_t limit = 1 << 20) {
    return std::make_unique<KubernetesLog>(KubernetesLogPlace{tmp_.path(), name}, limit,
                                           [this](std::string_view s) { said_.emplace_back(s); });
  }
  std::string text() const { return read_file(tmp_.dir(), "a"); }
  TempDir tmp_;
  std::vector<std::string> said_;
};

TEST_F(KubernetesLogTest, IsThereAndEmptyWhenItsAppStarts) {
  write_file(tmp_.dir(), "a", "of before", 0600);
  make()->write("of now\n");
  EXPECT_EQ(text(), "of now\n");
  make("b");
  struct stat st{};
  ASSERT_EQ(::lstat(cat(tmp_.path(), "/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07137U, 0U) << "others may not read it";
}

TEST_F(KubernetesLogTest, NothingThatIsNoFileOfItsOwnIsTouched) {
  write_file(tmp_.dir(), "other", "precious", 0600);
  ASSERT_EQ(::symlinkat("other", tmp_.dir().get(), "link"), 0);
  ASSERT_EQ(::linkat(tmp_.dir().get(), "other", tmp_.dir().get(), "hard", 0), 0);
  ASSERT_EQ(::mkfifoat(tmp_.dir().get(), "fifo", 0600), 0);
  tmp_.dir().make_sub("dir");
  const bool device = ::mknodat(tmp_.dir().get(), "device", S_IFCHR | 0600, makedev(10, 250)) == 0;  // no driver has it
  for (const char* name : {"link", "hard", "fifo", "dir", device ? "device" : "dir"})
    EXPECT_TRUE(why([&] { make(name); }).contains("it is no file")) << name << ": " << why([&] { make(name); });
  ASSERT_EQ(::symlink(tmp_.path().c_str(), cat(tmp_.path(), "/way").c_str()), 0);
  EXPECT_TRUE(why([&] {
                KubernetesLog({cat(tmp_.path(), "/way"), "new"}, 1, [](std::string_view) {});
              }).contains("a link leads there"));
  EXPECT_EQ(read_file(tmp_.dir(), "other"), "precious");
}

TEST_F(KubernetesLogTest, ALogHasLinesOfBothStreamsAndMessages) {
  AppLog log(tmp_.dir(), "web", {}, [](std::string_view) {}, make());
  log.take(1, "one\ntw");
  log.take_message("said");
  log.take(2, std::string(AppLog::kMaxText, 'x') + "y");
  log.take(1, "o\n");
  log.end(2);
  std::string lines;
  const std::string all = text();
  for (const auto line : split(all, '\n'))
    if (!line.empty()) lines += cat(line.substr(cri::kTimeSize, 20), "\n");
  EXPECT_EQ(lines, " stdout one\n stderr said\n stderr xxxxxxxxxxxx\n stdout two\n stderr y\n");
  EXPECT_TRUE(cri::parse_time(std::string_view(all).substr(0, cri::kTimeSize))) << all.substr(0, 40);
}

TEST_F(KubernetesLogTest, HasALimitWhoeverEmptiesIt) {
  const auto log = make("a", 10);
  log->write("1234\n");
  log->write("5678\n");
  EXPECT_EQ(text(), "1234\n5678\n");
  log->write("9\n");
  EXPECT_EQ(text(), "9\n");
  ASSERT_EQ(::truncate(cat(tmp_.path(), "/a").c_str(), 0), 0);
  log->write("a line that is longer\n");
  EXPECT_EQ(text(), "a line that is longer\n");
}

TEST_F(KubernetesLogTest, AFullDiskLosesWholeLinesAndIsSaidOnce) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const PrivateMounts mounts;  // gone with this process, however it ends
  if (::mount("tmpfs", tmp_.path().c_str(), "tmpfs", 0, "size=64k") < 0) GTEST_SKIP() << "cannot mount here";
  {
    const auto log = make("a", 1 << 30);
    const std::string line = std::string(5000, 'x') + "\n";
    for (int i = 0; i < 20; ++i) log->write(line);
    EXPECT_EQ(said_.size(), 1U);
    const std::string kept = read_file(cat(tmp_.path(), "/a"));
    log->write("short\n");
    log->write(line);
    EXPECT_EQ(read_file(cat(tmp_.path(), "/a")), kept + "short\n");
    EXPECT_EQ(said_.size(), 1U);
    EXPECT_EQ(kept.size() % line.size(), 0U);
    EXPECT_GT(kept.size(), 10 * line.size());
  }
  ::umount(tmp_.path().c_str());
}

}  // namespace
}  // namespace rkt::native
