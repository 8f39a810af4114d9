set(MILLRACE_FUZZ_SECONDS 20 CACHE STRING "How long each libFuzzer target searches in ctest -L search")
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
    # The search itself: what it finds on the way is kept in the build folder, beside the committed seeds; an input that
    # fails is written there and named in the output. -timeout: one input that runs for that long is a finding, too.
    set(found ${CMAKE_BINARY_DIR}/fuzz/${ARG_NAME})
    file(MAKE_DIRECTORY ${found}/corpus)
    add_test(NAME search_${ARG_NAME} COMMAND fuzz_${ARG_NAME} -max_total_time=${MILLRACE_FUZZ_SECONDS} -timeout=30
      -rss_limit_mb=4096 -print_final_stats=1 -verbosity=0 -artifact_prefix=${found}/ ${found}/corpus ${corpus})
    math(EXPR deadline "${MILLRACE_FUZZ_SECONDS} + 300")
    set_tests_properties(search_${ARG_NAME} PROPERTIES LABELS search TIMEOUT ${deadline})
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
millrace_fuzz(NAME messages ROUNDS 2000 LIBS millrace_consensus)
millrace_fuzz(NAME module ROUNDS 2000 LIBS millrace_vm)
millrace_fuzz(NAME texts ROUNDS 2000 LIBS millrace_common)
millrace_fuzz(NAME proofs ROUNDS 2000 LIBS millrace_common)
millrace_fuzz(NAME ledger ROUNDS 2000 LIBS millrace_market)
millrace_fuzz(NAME witness ROUNDS 300 LIBS millrace_vm)
millrace_fuzz(NAME worker_frames ROUNDS 2000 LIBS millrace_vm)

# Readers that lie in node/ and wallet/. The builds of the pure libraries alone (the preset fuzz, the sanitizers) have
# neither, so there the files that read are compiled by themselves; none of them needs RocksDB.
if(TARGET millrace_node)
  set(outer_libs millrace_node millrace_wallet)
else()
  add_library(millrace_fuzz_readers STATIC EXCLUDE_FROM_ALL)
  set(root ${PROJECT_SOURCE_DIR})
  target_sources(millrace_fuzz_readers PRIVATE
    ${root}/node/keys.cpp ${root}/node/provider/journal.cpp ${root}/node/storage/durable_file.cpp
    ${root}/node/rpc/blob_http.cpp ${root}/node/rpc/dispatch.cpp ${root}/node/rpc/http_range.cpp ${root}/node/rpc/methods.cpp
    ${root}/wallet/client.cpp ${root}/wallet/keystore.cpp ${root}/wallet/link.cpp)
  find_package(OpenSSL REQUIRED)
  target_link_libraries(millrace_fuzz_readers PUBLIC millrace_market fmt::fmt Threads::Threads OpenSSL::SSL)
  set(outer_libs millrace_fuzz_readers)
endif()
millrace_fuzz(NAME dispatch ROUNDS 2000 LIBS ${outer_libs})
millrace_fuzz(NAME http ROUNDS 2000 LIBS ${outer_libs})
# Argon2id, even at its cheapest, and files on a disk take their time.
millrace_fuzz(NAME keystore ROUNDS 300 LIBS ${outer_libs})
millrace_fuzz(NAME provider_files ROUNDS 300 LIBS ${outer_libs})
millrace_fuzz(NAME tails ROUNDS 1000 LIBS millrace_vm)
