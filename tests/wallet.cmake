if(MILLRACE_PURE_ONLY)
  return()
endif()
millrace_test(NAME test_wallet LABELS unit
  SOURCES
    unit/wallet/client_test.cpp
    unit/wallet/describe_tx_test.cpp
    unit/wallet/exit_codes_test.cpp
    unit/wallet/fold_test.cpp
    unit/wallet/history_test.cpp
    unit/wallet/job_request_test.cpp
    unit/wallet/job_results_test.cpp
    unit/wallet/job_verify_test.cpp
    unit/wallet/keystore_test.cpp
    unit/wallet/light_client_test.cpp
    unit/wallet/print_test.cpp
    unit/wallet/proof_reader_test.cpp
    unit/wallet/transfer_test.cpp
    unit/wallet/trees_test.cpp
    unit/wallet/units_test.cpp
  LIBS millrace_wallet millrace_node)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# The whole wallet against a real node, word for word.
if(TARGET millraced)
  add_test(NAME functional_wallet COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_SOURCE_DIR}/functional/wallet/transcript.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
    ${CMAKE_CURRENT_SOURCE_DIR}/golden/wallet_transcript.txt)
  set_tests_properties(functional_wallet PROPERTIES LABELS functional TIMEOUT 600)
endif()
