if(MILLRACE_PURE_ONLY)
  return()
endif()
millrace_test(NAME test_node LABELS unit
  SOURCES
    unit/node/blob_store_test.cpp
    unit/node/ledger_db_test.cpp
    unit/node/rpc_test.cpp
  LIBS millrace_node)
