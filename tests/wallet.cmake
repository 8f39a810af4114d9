if(MILLRACE_PURE_ONLY)
  return()
endif()
millrace_test(NAME test_wallet LABELS unit
  SOURCES
    unit/wallet/client_test.cpp
    unit/wallet/job_request_test.cpp
    unit/wallet/job_results_test.cpp
    unit/wallet/keystore_test.cpp
    unit/wallet/print_test.cpp
    unit/wallet/trees_test.cpp
    unit/wallet/units_test.cpp
  LIBS millrace_wallet millrace_node)
