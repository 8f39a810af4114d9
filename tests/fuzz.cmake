# millrace_fuzz(NAME module LIBS millrace_vm): tests/fuzz/<name>_fuzz.cpp with the seed inputs in
# tests/fuzz/corpus/<name>/. Without libFuzzer (every build but the preset `fuzz`) the target is linked
# to a runner of ours and is an ordinary test: each seed as it is, then mutations of it, always the same.
function(millrace_fuzz)
  cmake_parse_arguments(ARG "" "NAME;ROUNDS" "LIBS;SOURCES" ${ARGN})
  if(NOT ARG_ROUNDS)
    set(ARG_ROUNDS 200)
  endif()
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${ARG_NAME})
  add_executable(fuzz_${ARG_NAME} fuzz/${ARG_NAME}_fuzz.cpp ${ARG_SOURCES})
  target_link_libraries(fuzz_${ARG_NAME} PRIVATE millrace_flags ${ARG_LIBS})
  if(MILLRACE_FUZZ)
    target_link_options(fuzz_${ARG_NAME} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz_${ARG_NAME} COMMAND fuzz_${ARG_NAME} -runs=0 ${corpus})
  else()
    target_sources(fuzz_${ARG_NAME} PRIVATE fuzz/standalone.cpp)
    add_test(NAME fuzz_${ARG_NAME} COMMAND fuzz_${ARG_NAME} ${corpus} ${ARG_ROUNDS})
  endif()
  set_tests_properties(fuzz_${ARG_NAME} PROPERTIES LABELS corpus TIMEOUT 300)
  millrace_label_targets(fuzz_${ARG_NAME} corpus)
endfunction()

# One line a target.
millrace_fuzz(NAME tree ROUNDS 2000 LIBS millrace_vm)
millrace_fuzz(NAME machine ROUNDS 600 LIBS millrace_vm)
millrace_fuzz(NAME module ROUNDS 2000 LIBS millrace_vm)
millrace_fuzz(NAME texts ROUNDS 2000 LIBS millrace_common)
millrace_fuzz(NAME proofs ROUNDS 2000 LIBS millrace_common)
millrace_fuzz(NAME ledger ROUNDS 2000 LIBS millrace_market)
