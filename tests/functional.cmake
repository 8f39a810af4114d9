# Whole programs against each other: real processes on loopback, each test with a node of its own.
if(MILLRACE_PURE_ONLY OR NOT TARGET millraced)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(millrace_functional NAME TIMEOUT)
  add_test(NAME functional_${NAME} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_SOURCE_DIR}/functional/${NAME}.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${ARGN})
  # One at a time: their clocks are the chain's, and they load all cores by themselves.
  set_tests_properties(functional_${NAME} PROPERTIES LABELS functional TIMEOUT ${TIMEOUT} RUN_SERIAL ON
    SKIP_RETURN_CODE 77)
endfunction()
millrace_functional(main_path 60)
millrace_functional(one_instance 120)
millrace_functional(restarts 240)
millrace_functional(rpc 60)
millrace_functional(picture 600 ${PROJECT_SOURCE_DIR})
millrace_functional(state_proof 60)
millrace_functional(wallet_json 600)
millrace_functional(wallet_provider 600)
millrace_functional(wallet_terminal 600)
millrace_functional(wordcount 180 ${PROJECT_SOURCE_DIR})
