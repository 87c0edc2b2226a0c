/* What the clients of this folder share: SavedModels, tensors by name, errors in one line.

   Whatever goes wrong is said on stderr after PROGRAM, which a client defines ahead of this file,
   with exit status 2. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static void fail(const char* what, const char* message) {
  size_t first_line = strcspn(message, "\n");
  fprintf(stderr, PROGRAM ": %s: %.*s\n", what, (int)first_line, message);
  exit(2);
}

static void check(const TF_Status* status, const char* what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

/* Finds the tensor that `name`, operation:index, stands for. */
static TF_Output find_tensor(TF_Graph* graph, const char* name) {
  const char* colon = strrchr(name, ':');
  if (colon == NULL) fail(name, "a tensor is named operation:index, like PartitionedCall:0");
  char* operation = strndup(name, (size_t)(colon - name));
  TF_Output tensor = {TF_GraphOperationByName(graph, operation), atoi(colon + 1)};
  free(operation);
  if (tensor.oper == NULL || tensor.index < 0 ||
      tensor.index >= TF_OperationNumOutputs(tensor.oper)) {
    fail(name, "the model has no such tensor");
  }
  return tensor;
}

/* Opens the model in `folder` for its tag `serve`, with its graph in `graph`. */
static TF_Session* open_session(const char* folder, TF_Graph* graph) {
  const char* tags[] = {"serve"};
  TF_Status* status = TF_NewStatus();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Session* session =
      TF_LoadSessionFromSavedModel(options, NULL, folder, tags, 1, graph, NULL, status);
  check(status, folder);
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
  return session;
}

static void close_session(TF_Session* session, TF_Graph* graph) {
  TF_Status* status = TF_NewStatus();
  TF_DeleteSession(session, status);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
}
