# SPDX-License-Identifier: Apache-2.0
# How this project builds: flags, and the functions every folder uses.
#
#   rkt_library(NAME SOURCES … [CHILD …] [TESTS …] [LINK …])  one static library a folder; CHILD files run between clone
#                                                             and exec and are built without exceptions and instrumentation
#   rkt_program(NAME DIR OUTDIR SOURCES … LINK …)             a dynamically linked program below build/
#   rkt_static_program(NAME DIR OUTDIR SOURCES … LINK …)      a static program (stage1), links the *_plain libraries
#   rkt_generated(NAME FILE)                                  the library NAME includes FILE, which a custom command makes
#
# The presets are unity builds: one translation unit a target, because the headers of the standard library cost more than the
# sources. So names in unnamed namespaces are unique in a folder. -DCMAKE_UNITY_BUILD=OFF compiles file by file, as
# "scripts/lint --deep" does, which proves that every file includes what it needs.
#
# Under RKT_SANITIZE every library is built twice: NAME with ASan+UBSan, and NAME_plain with trapping UBSan only, because
# g++ cannot link -static with -fsanitize=address.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
option(RKT_SANITIZE "ASan and UBSan in every program but stage1" OFF)
option(RKT_FUZZ "build the libFuzzer targets (clang)" OFF)
option(RKT_TESTS "build the unit tests" ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_ASAN "-O1 -g1")
# -Wrestrict of g++ 12 sees overlaps where strings are assigned (GCC bug 105329).
set(RKT_WARNINGS -Wall -Wextra -Wconversion -Wswitch-enum -Wunused-result -Wsuggest-override -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -Werror)
add_compile_options(${RKT_WARNINGS} -fno-plt -fstack-protector-strong)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-subobject-linkage)  # takes sources that another file includes for headers
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Inside of what libstdc++ itself calls deprecated; and a conversion that g++ does not warn about.
  add_compile_options(-Wno-deprecated-declarations -Wno-sign-conversion)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 RKT_VERSION="${PROJECT_VERSION}")
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed)
# -iquote, not -I: the folder sys/ must not shadow the system's <sys/*.h>.
add_compile_options("SHELL:-iquote ${PROJECT_SOURCE_DIR}/src" "SHELL:-iquote ${PROJECT_SOURCE_DIR}" "SHELL:-iquote ${PROJECT_BINARY_DIR}/generated")

# No vptr: that check opens a pipe to see whether memory is readable, which a confined worker may not, and then reports nonsense.
set(RKT_ASAN_FLAGS -fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer -fno-sanitize-recover=all)
if(RKT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link ${RKT_ASAN_FLAGS})
  add_link_options(${RKT_ASAN_FLAGS})
endif()
set(RKT_PLAIN_FLAGS "")
if(RKT_SANITIZE)
  set(RKT_PLAIN_FLAGS -fsanitize=undefined -fsanitize-undefined-trap-on-error)
endif()

if(RKT_TESTS AND NOT RKT_FUZZ)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

function(_rkt_one_library name flags)
  cmake_parse_arguments(A "" "" "SOURCES;CHILD;LINK" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_compile_options(${name} PRIVATE ${flags})
  if(A_CHILD)
    add_library(${name}_child OBJECT ${A_CHILD})
    set_target_properties(${name}_child PROPERTIES UNITY_BUILD OFF)
    target_compile_options(${name}_child PRIVATE -fno-exceptions -fno-rtti -fno-stack-protector -fno-sanitize=all)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_child>)
  endif()
  target_link_libraries(${name} PUBLIC ${A_LINK})
endfunction()

function(rkt_library name)
  cmake_parse_arguments(A "" "" "SOURCES;CHILD;TESTS;LINK" ${ARGN})
  if(RKT_SANITIZE)
    _rkt_one_library(${name} "${RKT_ASAN_FLAGS}" SOURCES ${A_SOURCES} CHILD ${A_CHILD} LINK ${A_LINK})
    set(plain "")
    foreach(l ${A_LINK})
      if(l MATCHES "^rkt_")
        list(APPEND plain ${l}_plain)
      else()
        list(APPEND plain ${l})
      endif()
    endforeach()
    _rkt_one_library(${name}_plain "${RKT_PLAIN_FLAGS}" SOURCES ${A_SOURCES} CHILD ${A_CHILD} LINK ${plain})
    set_target_properties(${name}_plain PROPERTIES EXCLUDE_FROM_ALL ON)
  else()
    _rkt_one_library(${name} "" SOURCES ${A_SOURCES} CHILD ${A_CHILD} LINK ${A_LINK})
    add_library(${name}_plain ALIAS ${name})
  endif()
  if(A_TESTS AND RKT_TESTS AND NOT RKT_FUZZ)
    add_executable(${name}_test ${A_TESTS})
    target_link_libraries(${name}_test PRIVATE ${name} GTest::gmock GTest::gtest GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE -O0 -U_FORTIFY_SOURCE)  # a test is compiled more often than its lines run
    if(RKT_SANITIZE)
      target_compile_options(${name}_test PRIVATE ${RKT_ASAN_FLAGS})
      target_link_options(${name}_test PRIVATE ${RKT_ASAN_FLAGS})
    endif()
    set_target_properties(${name}_test PROPERTIES UNITY_BUILD ON RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/unit)
    add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
endfunction()

# Makes every file that sources include and a program of this build writes: what clang-tidy needs.
add_custom_target(generated_sources)
function(rkt_generated name file)
  add_custom_target(${name}_generated DEPENDS ${file})
  add_dependencies(generated_sources ${name}_generated)
  add_dependencies(${name} ${name}_generated)
  if(RKT_SANITIZE)
    add_dependencies(${name}_plain ${name}_generated)
  endif()
endfunction()

function(rkt_program name)
  cmake_parse_arguments(A "" "OUTDIR;OUTPUT" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_LINK} -static-libgcc)
  if(RKT_SANITIZE)
    target_compile_options(${name} PRIVATE ${RKT_ASAN_FLAGS})
    target_link_options(${name} PRIVATE ${RKT_ASAN_FLAGS})
  else()
    target_link_options(${name} PRIVATE -static-libstdc++)
  endif()
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${A_OUTPUT} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${A_OUTDIR})
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    _rkt_split_debug(${name} ${A_OUTPUT})
  endif()
endfunction()

# What debuggers want goes to .debug/ beside the program, where they find it. The program as it runs is small then, and was
# written in one go: what the linker wrote piece by piece lies in the page cache in small pieces, and costs a start 3 % more.
function(_rkt_split_debug name output)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E make_directory .debug
    COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${output} .debug/${output}.debug
    COMMAND ${CMAKE_OBJCOPY} --strip-all --add-gnu-debuglink=.debug/${output}.debug ${output} ${output}.stripped
    COMMAND ${CMAKE_COMMAND} -E rename ${output}.stripped ${output}
    WORKING_DIRECTORY $<TARGET_FILE_DIR:${name}> VERBATIM)
endfunction()

function(rkt_static_program name)
  cmake_parse_arguments(A "" "OUTDIR;OUTPUT" "SOURCES;LINK" ${ARGN})
  set(plain "")
  foreach(l ${A_LINK})
    if(l MATCHES "^rkt_")
      list(APPEND plain ${l}_plain)
    else()
      list(APPEND plain ${l})
    endif()
  endforeach()
  add_executable(${name} ${A_SOURCES})
  target_compile_options(${name} PRIVATE ${RKT_PLAIN_FLAGS})
  target_link_libraries(${name} PRIVATE ${plain})
  target_link_options(${name} PRIVATE -static -no-pie -Wl,--gc-sections)
  # LINK_SEARCH_*: or CMake ends the line with -Bdynamic after a library that is named as an archive.
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${A_OUTPUT} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${A_OUTDIR}
    LINK_SEARCH_START_STATIC ON LINK_SEARCH_END_STATIC ON)
endfunction()
