millrace_test(NAME test_common LABELS unit
  SOURCES
    unit/common/codec_test.cpp
  LIBS millrace_common)
millrace_test(NAME test_common_keys LABELS unit
  SOURCES
    unit/common/account_key_test.cpp
    unit/common/address_test.cpp
    unit/common/ed25519_test.cpp
    unit/common/vrf_test.cpp
  LIBS millrace_common)
millrace_test(NAME test_common_trees LABELS unit property
  SOURCES
    unit/common/page_tree_test.cpp
    property/common/page_proof_test.cpp
  LIBS millrace_common)
