// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/diagnose.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

class Diagnose : public ::testing::Test {
 protected:
  TempDir tmp_;
};

TEST_F(Diagnose, AMissingProgramIsNamed) {
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/nothing", ENOENT), "Unable to open \"/nothing\": No such file or directory");
}

TEST_F(Diagnose, AMissingInterpreterIsNamedNotTheScript) {
  write_file(tmp_.dir(), "script", "#!/bin/missing -x\necho\n", 0755);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/script", ENOENT), "Unable to open \"/bin/missing\": No such file or directory");
}

TEST_F(Diagnose, AFileWithoutTheRightIsNamed) {
  write_file(tmp_.dir(), "text", "hello", 0644);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/text", EACCES), "\"/text\" is not executable");
}

TEST_F(Diagnose, ADirectoryAndAPipeAreNoPrograms) {
  tmp_.dir().make_sub("dir");
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/dir", EACCES), "\"/dir\" is not a regular file");
  ASSERT_EQ(::mkfifoat(tmp_.dir().get(), "fifo", 0755), 0);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/fifo", EACCES), "\"/fifo\" is not a regular file");
}

TEST_F(Diagnose, AScriptThatNamesItselfEnds) {
  write_file(tmp_.dir(), "loop", "#!/loop\n", 0755);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/loop", ELOOP), "execute \"/loop\": Too many levels of symbolic links");
}

}  // namespace
}  // namespace rkt::native
