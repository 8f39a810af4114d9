millrace_test(NAME test_common LABELS unit
  SOURCES
    unit/common/codec_test.cpp
  LIBS millrace_common)
millrace_test(NAME test_common_keys LABELS unit
  SOURCES
    unit/common/account_key_test.cpp
    unit/common/address_test.cpp
    unit/common/amount_test.cpp
    unit/common/bip32_test.cpp
    unit/common/ed25519_test.cpp
    unit/common/hash_test.cpp
    unit/common/json_test.cpp
    unit/common/mnemonic_test.cpp
    unit/common/secret_box_test.cpp
    unit/common/unicode_test.cpp
    unit/common/vote_test.cpp
    unit/common/vrf_test.cpp
  LIBS millrace_common)
millrace_test(NAME test_common_trees LABELS unit property
  SOURCES
    unit/common/page_tree_test.cpp
    property/common/auth_map_test.cpp
    property/common/page_proof_test.cpp
  LIBS millrace_common)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME vectors_check_trees COMMAND ${Python3_EXECUTABLE}
  ${CMAKE_CURRENT_SOURCE_DIR}/vectors/check_trees.py ${CMAKE_CURRENT_SOURCE_DIR}/golden/trees.json)
set_tests_properties(vectors_check_trees PROPERTIES LABELS "unit" TIMEOUT 120)
millrace_test(NAME test_common_vectors LABELS unit
  SOURCES
    vectors/common/bip_vectors_test.cpp
    vectors/common/keys_vectors_test.cpp
  LIBS millrace_common)
millrace_test(NAME test_common_golden LABELS golden
  SOURCES
    vectors/common/codec_golden_test.cpp
    vectors/common/keys_golden_test.cpp
    vectors/common/trees_golden_test.cpp
  LIBS millrace_common)
