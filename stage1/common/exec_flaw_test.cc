// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/exec_flaw.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::stage1 {
namespace {

class ExecFlaws : public ::testing::Test {
 protected:
  TempDir tmp_;
};

TEST_F(ExecFlaws, AMissingProgramIsNamed) {
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/nothing", ENOENT), "Unable to open \"/nothing\": No such file or directory");
}

TEST_F(ExecFlaws, AMissingInterpreterIsNamedNotTheScript) {
  write_file(tmp_.dir(), "script", "#!/bin/missing -x\necho\n", 0755);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/script", ENOENT), "Unable to open \"/bin/missing\": No such file or directory");
}

TEST_F(ExecFlaws, AFileWithoutTheRightIsNamed) {
  write_file(tmp_.dir(), "text", "hello", 0644);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/text", EACCES), "\"/text\" is not executable");
}

TEST_F(ExecFlaws, ADirectoryAndAPipeAreNoPrograms) {
  tmp_.dir().make_sub("dir");
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/dir", EACCES), "\"/dir\" is not a regular file");
  ASSERT_EQ(::mkfifoat(tmp_.dir().get(), "fifo", 0755), 0);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/fifo", EACCES), "\"/fifo\" is not a regular file");
}

TEST_F(ExecFlaws, AScriptThatNamesItselfEnds) {
  write_file(tmp_.dir(), "loop", "#!/loop\n", 0755);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/loop", ELOOP), "execute \"/loop\": Too many levels of symbolic links");
}

// A program of one header, and the loader's name behind that.
TEST_F(ExecFlaws, AMissingLoaderIsNamed) {
  struct {
    Elf64_Ehdr file;
    Elf64_Phdr part;
    char loader[16];
  } program{};
  std::memcpy(program.file.e_ident, ELFMAG, SELFMAG);
  program.file.e_ident[EI_CLASS] = ELFCLASS64;
  program.file.e_phoff = sizeof program.file;
  program.file.e_phnum = 1;
  program.part.p_type = PT_INTERP;
  program.part.p_offset = sizeof program.file + sizeof program.part;
  program.part.p_filesz = sizeof program.loader;
  std::strcpy(program.loader, "/lib/ld.so");
  const auto write = [&] {
    write_file(tmp_.dir(), "program", {reinterpret_cast<const char*>(&program), sizeof program}, 0755);
  };
  write();
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/program", ENOENT), "Unable to open \"/lib/ld.so\": No such file or directory");
  program.part.p_offset = ~std::uint64_t{0};
  program.part.p_filesz = ~std::uint64_t{0};
  write();
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/program", ENOEXEC), "execute \"/program\": Exec format error");
}

TEST_F(ExecFlaws, AnInterpretersNameIsAsLongAsTheKernelReads) {
  write_file(tmp_.dir(), "long", cat("#! \t/", std::string(1000, 'x')), 0755);
  EXPECT_EQ(diagnose_exec(tmp_.dir(), "/long", ENOENT),
            cat("Unable to open \"/", std::string(251, 'x'), "\": No such file or directory"));
}

TEST(ExecFlawText, BelievesNothingOfARecord) {
  ExecFinding finding{.flaw = ExecFlaw::not_executable, .err = 0, .interpreter = {}};
  std::memset(finding.interpreter, 'a', sizeof finding.interpreter);
  EXPECT_EQ(exec_flaw_text(finding, "/x", EACCES), cat("\"", std::string(256, 'a'), "\" is not executable"));
  finding.flaw = static_cast<ExecFlaw>(77);
  EXPECT_EQ(exec_flaw_text(finding, "/x", EACCES), "execute \"/x\": Permission denied");
}

}  // namespace
}  // namespace rkt::stage1
