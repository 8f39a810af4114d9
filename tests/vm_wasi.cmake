millrace_test(NAME test_vm_wasi LABELS unit
  SOURCES
    unit/vm/wasi/abi_test.cpp
    unit/vm/wasi/files_test.cpp
    unit/vm/wasi/misc_test.cpp
  LIBS millrace_vm)
millrace_test(NAME test_vm_wasi_tree LABELS unit golden
  SOURCES unit/vm/wasi/tree_test.cpp
  LIBS millrace_vm)
millrace_test(NAME test_vm_wasi_property LABELS property
  SOURCES
    property/vm/wasi_model_test.cpp
  LIBS millrace_vm)
millrace_test(NAME test_vm_wasi_vectors LABELS unit vectors
  SOURCES
    vectors/vm/wasi_files.cpp
    vectors/vm/wasi_paths.cpp
    vectors/vm/wasi_rights.cpp
    vectors/vm/wasi_streams.cpp
    vectors/vm/wasi_test.cpp
  LIBS millrace_vm)
if(TARGET millrace_vm_native)
  millrace_test(NAME test_vm_native LABELS unit
    SOURCES
      unit/vm/native/disk_tree_test.cpp
    LIBS millrace_vm_native)
  millrace_test(NAME test_wasi_programs LABELS functional
    SOURCES
      functional/wasi/programs_test.cpp
    ARGS --test-case-exclude=*AssemblyScript*
    LIBS millrace_vm_native)
  # A ctest of its own: its compiler comes from npm's registry, and where that is out of reach it counts as skipped.
  add_test(NAME test_wasi_assemblyscript COMMAND test_wasi_programs --test-case=*AssemblyScript*)
  set_tests_properties(test_wasi_assemblyscript PROPERTIES LABELS functional TIMEOUT 120 SKIP_RETURN_CODE 77)
  add_dependencies(test_wasi_programs millrace-worker)
  add_test(NAME build_wasi_programs
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/functional/wasi/build_programs.sh ${CMAKE_BINARY_DIR}/wasi-programs)
  set_tests_properties(build_wasi_programs PROPERTIES LABELS functional TIMEOUT 240 FIXTURES_SETUP wasi_programs)
  set_tests_properties(test_wasi_programs test_wasi_assemblyscript PROPERTIES FIXTURES_REQUIRED wasi_programs
    ENVIRONMENT MILLRACE_WASI_PROGRAMS=${CMAKE_BINARY_DIR}/wasi-programs)
endif()
