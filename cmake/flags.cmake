# The one place for compiler flags and warnings. Every target of ours links millrace_flags.
add_library(millrace_flags INTERFACE)
target_include_directories(millrace_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(millrace_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wdouble-promotion
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${MILLRACE_WERROR}>:-Werror>
  # Floats of WebAssembly must not be contracted or reassociated on any compiler.
  -ffp-contract=off
  -fno-omit-frame-pointer)
# g++ 12 sees overlaps and overflows in std::string's and std::vector's inlined code that are not there (GCC bugs 105329,
# 105651, 107852); newer compilers and clang do not. They stay warnings, they do not stop a build.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(millrace_flags INTERFACE -Wno-error=array-bounds -Wno-error=restrict
    -Wno-error=stringop-overflow -Wno-error=stringop-overread -Wno-error=maybe-uninitialized)
endif()
# g++ collects its garbage only above half a gigabyte: an eighth less time for a seventh more memory.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(millrace_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:--param=ggc-min-heapsize=524288>)
endif()
# Own assertions and the standard library's stay on in every build.
target_compile_definitions(millrace_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(MILLRACE_SANITIZE)
  target_compile_options(millrace_flags INTERFACE -fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(millrace_flags INTERFACE -fsanitize=${MILLRACE_SANITIZE})
  if(MILLRACE_SANITIZE MATCHES thread)
    target_sources(millrace_flags INTERFACE ${CMAKE_SOURCE_DIR}/cmake/tsan_suppressions.cpp)
  endif()
  if(MILLRACE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio has fences beside its mutexes; g++ says of each that this sanitizer does not see it.
    target_compile_options(millrace_flags INTERFACE -Wno-tsan)
  endif()
endif()

if(MILLRACE_FUZZ)
  target_compile_options(millrace_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# millrace_library(NAME SOURCES ... HEADERS ... PUBLIC ... PRIVATE ... PRECOMPILED ...): one static library of ours.
function(millrace_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE;PRECOMPILED" ${ARGN})
  add_library(${name} STATIC)
  target_sources(${name} PRIVATE ${ARG_SOURCES}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_link_libraries(${name} PUBLIC millrace_flags ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  # Only what no change of ours touches: the standard's and Boost's headers behind the descriptions.
  target_precompile_headers(${name} PRIVATE <algorithm> <array> <functional> <map> <memory> <optional> <span> <string>
    <variant> <vector> <boost/describe.hpp> <boost/mp11.hpp> ${ARG_PRECOMPILED})
endfunction()
